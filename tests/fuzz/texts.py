"""Targets: tokenizers, which never fail and lose nothing, and vocabularies of subwords."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from fuzz import places
from fuzz.harness import Target
from fuzz.mutations import changed_bytes, of_json, of_lines, of_text, text_of
from pipekit import Doc, Pipeline
from pipekit.doc.text import clean
from pipekit.errors import PipekitError
from pipekit.subwords.published import read_vocabulary


class Failed(Exception):
    """An error of pipekit's own where none may be."""


def check_tokenizer(name: str) -> Callable[[bytes], None]:
    pipeline = Pipeline({"tokenizer": {"type": name}})

    def check(data: bytes) -> None:
        text = text_of(data)
        try:
            doc, alone = pipeline.tokenize([text, text])
            check_lossless(doc, clean(text))
            assert doc.words == alone.words
            assert Doc.from_bytes(doc.to_bytes()).words == doc.words
        except PipekitError as error:
            raise Failed(str(error)) from error

    return check


def check_lossless(doc: Doc, text: str) -> None:
    """Tokens and the white space between them are the text; sentences part the tokens."""
    assert doc.text == text
    assert (doc.starts[1:] >= doc.ends[:-1]).all() and (doc.starts < doc.ends).all()
    borders = np.stack([doc.starts, doc.ends], axis=1).ravel().tolist()
    before, after = [0, *borders[1::2]], [*borders[::2], len(text)]
    gaps = [text[start:end] for start, end in zip(before, after, strict=True)]
    assert "".join(gaps).strip() == ""
    if doc.sents is not None and len(doc):
        assert [token.i for sent in doc.sents for token in sent] == list(range(len(doc)))


# -- vocabularies


def check_vocabulary(name: str) -> Callable[[bytes], None]:
    """A vocabulary that is read cuts words into its own pieces."""

    def check(data: bytes) -> None:
        path = places.file(name, data)
        if name == "vocab.json":
            vocabulary, _, merges = data.partition(b"\n=====\n")
            path = places.file(name, vocabulary)
            path.with_name("merges.txt").write_bytes(merges)
        subwords = read_vocabulary(path)
        words = ["мама", "раму", "x", "🙂", "\u0301", "Ёж"]
        cut = subwords.cut(words, [True, False, True, True, False, True])
        assert len(cut.borders) == len(words) + 1
        assert cut.ids.size == 0 or (cut.ids.min() >= 0 and cut.ids.max() < len(subwords))
        subwords.spell(cut.ids.tolist())

    return check


def mutate_model(data: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = changed_bytes(data, chance)
    return data


TARGETS = {
    "tokenizer_ru": Target(check_tokenizer("ru"), of_text),
    "tokenizer_whitespace": Target(check_tokenizer("whitespace"), of_text),
    "subwords_json": Target(check_vocabulary("tokenizer.json"), of_json),
    "subwords_wordpiece": Target(check_vocabulary("vocab.txt"), of_lines(" ")),
    "subwords_bytes": Target(check_vocabulary("vocab.json"), of_lines(",")),
    "subwords_sentencepiece": Target(check_vocabulary("spiece.model"), mutate_model),
}
