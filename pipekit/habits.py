"""What users of spaCy type first, and what it is called here: a table, and one way to tell.

`HABITS` has a table for each class, for the module `pipekit`, and for the functions whose keywords
differ. A name of the table that is asked for raises an error which says what to write instead:

    token.pos_      # AttributeError: Token has no 'pos_'. In pipekit: token.pos
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

from pipekit.errors import near

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_EXTENSION = 'declare polarity = pipekit.Attr[float]("polarity", on={kind}) once, then '
_VOCAB = "there is no shared vocabulary: strings are strings, and Docs need none"
_HASHES = "there are no hashes of strings: every attribute is a string"

_EVERYWHERE = {
    "_": _EXTENSION + "polarity[{name}]",
    "has_vector": "{name}.vector is not None",
    "vector_norm": "numpy.linalg.norm({name}.vector)",
    "tensor": "nlp.encode(doc), the vectors of all tokens in context",
    "vocab": _VOCAB,
    "lang": "nlp.lang",
    "lang_": "nlp.lang",
    "orth": _HASHES,
    "orth_": "{name}.text",
    "ent_id": '{name}.get("id")',
    "ent_id_": '{name}.get("id")',
    "kb_id": '{name}.get("kb_id"), a column of yours',
    "kb_id_": '{name}.get("kb_id"), a column of yours',
    "sentiment_": "{name}.sentiment",
    "get_lca_matrix": "token.ancestors",
    "set_extension": _EXTENSION + "polarity[{name}] = 0.5",
    "get_extension": _EXTENSION + "polarity[{name}]",
    "has_extension": _EXTENSION + "polarity[{name}] is not None",
    "remove_extension": "doc.tokens.remove(name), or doc.layers[group].remove(name)",
}
_OF_DOC = {
    "count_by": "collections.Counter(doc.tokens[name].strings())",
    "doc": "the Doc itself",
    "extend_tensor": "nlp.encode(doc)",
    "from_array": "doc.tokens.set(name, values) for each column",
    "from_disk": "pipekit.read_docs(path), which reads files with any number of Docs",
    "to_disk": "pipekit.write_docs([doc], path), which writes any number of Docs into one file",
    "from_json": "Doc.from_dict(data)",
    "to_json": "doc.to_dict()",
    "has_unknown_spaces": "the white space of a Doc is always that of its text",
    "is_nered": 'doc.has_annotation("ents")',
    "is_parsed": 'doc.has_annotation("dep")',
    "is_sentenced": 'doc.has_annotation("sents")',
    "is_tagged": 'doc.has_annotation("pos")',
    "mem": "the garbage collector frees a Doc",
    "noun_chunks_iterator": "doc.noun_chunks",
    "retokenize": "a Doc keeps its tokens: make another, Doc(words=…, spaces=…)",
    "set_ents": "doc.ents = spans, where spans are any iterable of Span",
    "text_with_ws": "doc.text",
    "to_utf8_array": "doc.text.encode()",
    "user_data": _EXTENSION + "polarity[doc] = 0.5, which is saved with the Doc",
    "user_hooks": "a component that writes what you need, see docs/attributes.md",
    "user_span_hooks": "a component that writes what you need, see docs/attributes.md",
    "user_token_hooks": "a component that writes what you need, see docs/attributes.md",
    "ents_": "doc.ents",
    "similarity_": "doc.similarity(other)",
}
_OF_SPAN = {
    "char_span": "span.doc.char_span(start, end), in characters of the document",
    "conjuncts": 'the tokens of span.doc whose dep is "conj"',
    "id": 'span.get("id")',
    "id_": 'span.get("id")',
    "label_": "span.label",
    "lemma_": "span.lemma, the normal form of the whole",
    "ent_type_": "span.label",
    "lefts": "span.root.children, those with token.i < span.start",
    "rights": "span.root.children, those with token.i >= span.end",
    "n_lefts": "span.root.children, those with token.i < span.start",
    "n_rights": "span.root.children, those with token.i >= span.end",
    "subtree": "span.root.subtree",
    "text_with_ws": "span.text + span[-1].whitespace",
    "to_array": "doc.to_array(columns)[span.start : span.end]",
}
_OF_TOKEN = {
    "pos_": "token.pos",
    "tag": "token.pos and token.morph: there is no second tag set",
    "tag_": "token.pos and token.morph: there is no second tag set",
    "lemma_": "token.lemma",
    "dep_": "token.dep",
    "norm_": "token.norm, which folds letters of other alphabets too",
    "morph_": "str(token.morph)",
    "lower": _HASHES,
    "lower_": "token.text.lower()",
    "shape": _HASHES,
    "shape_": 'a pattern {{"SHAPE": "Xxxx"}} of pipekit.matching.Matcher looks at shapes',
    "prefix": _HASHES,
    "prefix_": "token.text[:1]",
    "suffix": _HASHES,
    "suffix_": "token.text[-3:]",
    "whitespace_": "token.whitespace",
    "ent_type": "the span of doc.ents that holds token.i, its label",
    "ent_type_": "the span of doc.ents that holds token.i, its label",
    "ent_iob": "the spans of doc.ents, with start and end",
    "ent_iob_": "the spans of doc.ents, with start and end",
    "ent_kb_id": "the span of doc.ents that holds token.i",
    "ent_kb_id_": "the span of doc.ents that holds token.i",
    "iob_strings": "the spans of doc.ents, with start and end",
    "check_flag": "token.text.isalpha() and the like",
    "cluster": "token.vector",
    "prob": "nlp.vectors, whose words are ordered by frequency",
    "rank": "nlp.vectors, whose words are ordered by frequency",
    "lex": _VOCAB,
    "lex_id": _VOCAB,
    "is_oov": "token.vector is None",
    "conjuncts": 'token.children, those whose dep is "conj"',
    "has_dep": "token.dep is not None",
    "has_head": "token.head is not None",
    "has_morph": "token.morph is not None",
    "is_alpha": "token.text.isalpha()",
    "is_ascii": "token.text.isascii()",
    "is_digit": "token.text.isdigit()",
    "is_lower": "token.text.islower()",
    "is_upper": "token.text.isupper()",
    "is_title": "token.text.istitle()",
    "is_punct": 'token.pos == "PUNCT"',
    "is_bracket": 'token.text in "()[]{{}}"',
    "is_quote": "token.text in '«»„“”\"'",
    "is_currency": 'unicodedata.category(token.text[0]) == "Sc"',
    "is_left_punct": 'token.text in "([{{«„"',
    "is_right_punct": 'token.text in ")]}}»“"',
    "is_stop": "token.pos: function words are ADP, CCONJ, SCONJ, PART, PRON, DET and AUX",
    "is_sent_end": "token.sent[-1] == token",
    "is_ancestor": "token in other.ancestors",
    "like_email": 'the component "values" finds addresses',
    "like_url": 'the component "values" finds links',
    "like_num": 'token.pos == "NUM", or the component "values"',
    "left_edge": "token.subtree[0]",
    "right_edge": "token.subtree[-1]",
    "lefts": "token.children, those with a smaller i",
    "rights": "token.children, those with a greater i",
    "n_lefts": "token.children, those with a smaller i",
    "n_rights": "token.children, those with a greater i",
    "sent_start": "token.is_sent_start",
    "sentiment": "doc.sentiment, or span.sentiment of a name",
    "set_morph": 'doc.tokens.set("morph", strings)',
}
_OF_PIPELINE = {
    "Defaults": "nlp.tokenizer_config, the settings of the tokenizer",
    "analyze_pipes": "requires and assigns of each of nlp.components.values()",
    "begin_training": "pipekit train RECIPE.toml",
    "initialize": "pipekit train RECIPE.toml",
    "resume_training": "pipekit train RECIPE.toml, with source = PIPELINE in the recipe",
    "rehearse": "pipekit train RECIPE.toml, with source = PIPELINE in the recipe",
    "update": "pipekit train RECIPE.toml",
    "create_optimizer": "pipekit train RECIPE.toml, section [training]",
    "use_params": "pipekit train RECIPE.toml, average = 0.999 in [training]",
    "component": 'pipekit.registry.components.register("mine", Mine)',
    "factory": 'pipekit.registry.components.register("mine", Mine)',
    "factories": "pipekit.registry.components.names()",
    "factory_names": "pipekit.registry.components.names()",
    "has_factory": '"ner" in pipekit.registry.components.names()',
    "set_factory_meta": 'pipekit.registry.components.register("mine", Mine)',
    "get_factory_meta": 'nlp.brought_by("components", name)',
    "get_factory_name": 'nlp.configs["components"][name]["type"]',
    "component_names": "nlp.pipe_names",
    "create_pipe": 'nlp.add_pipe("ner")',
    "create_pipe_from_source": 'source = "ru_core" of a part in a recipe',
    "default_config": "nlp.config",
    "from_config": "pipekit.Pipeline(config)",
    "from_disk": "pipekit.load(path)",
    "from_bytes": "pipekit.from_bytes(data)",
    "disable_pipe": "nlp.select_pipes(disable=[name]), a light view",
    "disable_pipes": "nlp.select_pipes(disable=[…]), a light view",
    "enable_pipe": "the pipeline of which nlp.select_pipes made a view",
    "disabled": "nlp.pipe_names names those that run",
    "remove_pipe": "nlp.select_pipes(disable=[name]), a light view that is saved without it",
    "rename_pipe": "nlp.add_pipe(type, name=…)",
    "replace_pipe": "nlp.select_pipes(disable=[name]), then add_pipe on that view",
    "replace_listeners": "encoder = NAME of a component in a recipe",
    "get_pipe_config": 'nlp.configs["components"][name]',
    "get_pipe_meta": 'nlp.brought_by("components", name)',
    "has_pipe": "name in nlp.pipe_names",
    "pipe_factories": "nlp.configs['components'], where each config has a type",
    "pipe_labels": "nlp.components[name].labels",
    "pipeline": "nlp.components.items()",
    "evaluate": "pipekit.evaluation.evaluate.evaluate(nlp, docs), or pipekit evaluate",
    "make_doc": "nlp.tokenize([text])[0]",
    "memory_zone": "nothing is kept between documents",
    "set_error_handler": 'nlp.pipe(texts, on_error="record")',
    "vocab": _VOCAB,
    "path": "the path that you gave to pipekit.load",
}
_OF_MODULE = {
    "displacy": "pipekit.render(doc)",
    "explain": "the page of the tag at https://universaldependencies.org",
    "info": "pipekit info, on the command line",
    "language": "pipekit.Pipeline",
    "Language": "pipekit.Pipeline",
    "tokens": "pipekit.Doc, pipekit.Span, pipekit.Token",
    "matcher": "pipekit.matching: Matcher, PhraseMatcher",
    "prefer_gpu": 'pipekit.load(name), whose device="auto" takes a GPU where there is one',
    "require_gpu": 'pipekit.load(name, device="cuda")',
    "require_cpu": 'pipekit.load(name, device="cpu")',
    "training": "pipekit train RECIPE.toml",
    "scorer": "pipekit.evaluation.metrics.score(pairs)",
    "vocab": _VOCAB,
    "Vocab": _VOCAB,
    "vectors": "nlp.vectors",
    "cli": "pipekit --help",
    "about": "pipekit.__version__",
    "util": "pipekit.load, pipekit.registry",
    "lang": "nlp.lang",
    "strings": _HASHES,
    "lexeme": _VOCAB,
    "kb": 'a column of spans, span.get("kb_id")',
    "logger": 'logging.getLogger("pipekit")',
}

HABITS: dict[str, dict[str, str]] = {
    "Doc": _EVERYWHERE | _OF_DOC,
    "Span": _EVERYWHERE | _OF_SPAN,
    "Token": _EVERYWHERE | _OF_TOKEN,
    "Pipeline": _OF_PIPELINE,
    "pipekit": _OF_MODULE,
    "pipekit.load": {
        "disable": "exclude=[…]",
        "enable": "include=[…]",
        "vocab": _VOCAB,
        "config": "a recipe changes settings; pipekit.load takes the file as it is",
    },
    "pipekit.blank": {
        "vocab": _VOCAB,
        "config": 'nlp.set_tokenizer("ru", …) and nlp.add_pipe("ner", …), with settings by name',
        "meta": "nlp.meta.update(…)",
    },
    "nlp": {
        "disable": "nlp.select_pipes(disable=[…])(text)",
        "component_cfg": "the settings of the component in its recipe",
    },
    "nlp.pipe": {
        "batch_size": "batch_words=8_192; batches are planned by words, so leave it out",
        "disable": "nlp.select_pipes(disable=[…]).pipe(texts)",
        "component_cfg": "the settings of the component in its recipe",
        "n_threads": "n_process=2",
    },
    "nlp.to_disk": {"exclude": "nlp.select_pipes(disable=[…]).to_disk(path)"},
    "nlp.add_pipe": {
        "first": "before=nlp.pipe_names[0]",
        "last": "nothing: the end is the default",
        "config": "settings by name, nlp.add_pipe(type, hidden=64)",
        "source": 'source = "ru_core" of a part in a recipe',
    },
}
"""By owner and name, what to write instead; {name} is the owner in small letters."""


def called_here(
    owner: str,
    name: str,
) -> str | None:
    """What to write instead of a name of spaCy's; None for a name that no table holds.

    called_here("Token", "pos_")  # "token.pos"
    """
    cure = HABITS.get(owner, {}).get(name)
    if cure is None:
        return None
    return cure.format(name=owner.lower(), kind=owner)


class _TellingType(type):
    """The type of classes that tell what is called otherwise: `Doc.set_extension`."""

    if not TYPE_CHECKING:  # or else type checkers would take every name for one that is there

        def __getattr__(cls, name: str) -> NoReturn:
            refuse_attribute(cls, name)


class Telling(metaclass=_TellingType):
    """A class that tells what is called otherwise, `HABITS`, and suggests near names.

    An `AttributeError` within a property comes out as it is.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Python asks here too where a property raised, and drops what it raised. The property
            # runs again, and its own error comes out.
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)
            return refuse_attribute(type(self), name)


def refuse_attribute(
    owner: type,
    name: str,
) -> NoReturn:
    """Errors: `AttributeError` with the cure for a habit, else with near names."""
    if name.startswith("__"):  # asked for by Python and by libraries, not by people
        raise AttributeError(f"{owner.__name__} has no attribute {name!r}", name=name)
    for kind in owner.__mro__:
        cure = called_here(kind.__name__, name)
        if cure is not None:
            raise AttributeError(f"{kind.__name__} has no {name!r}. In pipekit: {cure}", name=name)
    public = [other for other in dir(owner) if not other.startswith("_")]
    plain = name.rstrip("_")
    if plain != name and plain in public:  # as spaCy names strings, beside the hashes of strings
        cure = f"{owner.__name__.lower()}.{plain}"
        raise AttributeError(f"{owner.__name__} has no {name!r}. In pipekit: {cure}", name=name)
    remark = ""
    if "get" in public:
        remark = f"; columns of plugins are read by .get({name!r})"
    raise AttributeError(
        f"{owner.__name__} has no attribute {name!r}{remark}.{near(name, public)}",
        name=name,
    )


def tells_keywords(
    function: str,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """A decorator: keywords of the table of a function raise a `TypeError` with the cure."""
    table = HABITS[function]

    def decorate(call: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        @wraps(call)
        def telling(
            *arguments: _Arguments.args,
            **keywords: _Arguments.kwargs,
        ) -> _Result:
            if not table.keys().isdisjoint(keywords):
                _refuse_keywords(function, keywords)
            return call(*arguments, **keywords)

        return telling

    return decorate


def raise_with_cure(
    function: str,
    keywords: Iterable[str],
    error: Exception,
) -> NoReturn:
    """Raise an error again; where keywords of spaCy's were its reason, with what to write."""
    cures = _keyword_cures(function, keywords)
    if cures:
        raise type(error)(f"{error} {function} takes no {cures}") from error
    raise error


def _refuse_keywords(
    function: str,
    keywords: Iterable[str],
) -> NoReturn:
    raise TypeError(f"{function} takes no {_keyword_cures(function, keywords)}")


def _keyword_cures(
    function: str,
    keywords: Iterable[str],
) -> str:
    table = HABITS[function]
    cures = [f"{name}=. In pipekit: {table[name]}" for name in keywords if name in table]
    return "; ".join(cures)
