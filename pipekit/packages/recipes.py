"""New recipes: one for each task, with its keys explained."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipekit import registry
from pipekit.corpora.sources import corpus_format
from pipekit.errors import ConfigError, near
from pipekit.packages.templates import render_template, template


class RecipeTask(NamedTuple):
    """What a pipeline may learn.

    Attributes:
        summary: what it writes.
        file: the usual suffix of its corpora.
        options: of the reader, lines of TOML under each corpus.
        is_given: the layer that the documents bring; "" for none.
    """

    summary: str
    file: str
    options: str = ""
    given: str = ""


TASKS = {
    "tagger": RecipeTask("parts of speech, features and lemmas", ".conllu"),
    "parser": RecipeTask("syntax trees", ".conllu"),
    "ner": RecipeTask("named entities that do not overlap", ".jsonl"),
    "span_ner": RecipeTask("named entities that may nest", ".jsonl"),
    "relations": RecipeTask("named entities, and relations between them", ".jsonl"),
    "classifier": RecipeTask(
        "the class of a text", ".csv", 'text = "text"    # the columns\nlabel = "label"'
    ),
    "multilabel": RecipeTask(
        "the classes of a text, of which it may have any number",
        ".csv",
        'text = "text"    # the columns\n'
        'label = "label"    # "[joy fear]": any number of labels in a cell\n'
        "exclusive = false\n"
        "# the class of each label; a text without any of them is an example too\n"
        '# classes = { joy = "joy", fear = "fear" }',
    ),
    "sentiment": RecipeTask(
        "the sentiment of a text",
        ".csv",
        'text = "text"    # the columns\nlabel = "label"\nlayer = "sentiment"\n'
        "# where labels have other names than negative, neutral and positive:\n"
        '# classes = { "-1" = "negative", "0" = "neutral", "1" = "positive" }',
    ),
    "entity_sentiment": RecipeTask(
        "the sentiment toward each entity, which documents bring",
        ".csv",
        'text = "text"    # the columns\nlabel = "label"\n'
        'span = ["start", "end", "type"]    # begin and end in characters, label of the entity',
        "ents",
    ),
    "tfidf": RecipeTask(
        "the class of a text, by its words alone and without a network",
        ".csv",
        'text = "text"    # the columns\nlabel = "label"',
    ),
    "qa": RecipeTask("answers to questions about a text", ".json"),
}
"""What `pipekit init recipe` writes, by task."""


def write_recipe(
    path: Path,
    task: str,
    *,
    lang: str = "ru",
    train: Path | None = None,
    dev: Path | None = None,
    format: str | None = None,
    source: str | None = None,
) -> None:
    """Write a recipe that trains.

    Args:
        task: of `TASKS`.
        train, dev: the corpora; "train" and "dev" with the usual suffix where they are None.
        format: that of the corpora; by their suffix where it is None.
        source: a pipeline whose encoder is taken as it is, such as "ru_core".

    Errors: `ConfigError` for a task that there is not, a recipe that is there already, and a format
    that the suffix of a corpus does not tell.
    """
    if path.suffix != ".toml":
        raise ConfigError(f"{path}: a recipe is a .toml file")
    if path.exists():
        raise ConfigError(f"{path} is there already: choose another name, -o FILE")
    text = recipe_text(task, path, lang, train, dev, format, source)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def recipe_text(
    task: str,
    path: Path,
    lang: str = "ru",
    train: Path | None = None,
    dev: Path | None = None,
    format: str | None = None,
    source: str | None = None,
) -> str:
    """The text of a recipe; arguments as of `write_recipe`."""
    if task not in TASKS:
        raise ConfigError(f"no task is called {task!r}.{near(task, TASKS)}")
    kind = TASKS[task]
    encoder = 'type = "bilstm"'
    freeze = '# freeze = ["encoders.main"]'
    if source is not None:
        encoder = f'source = "{source}"    # its encoder, with settings and weights'
        freeze = 'freeze = ["encoders.main"]'
    tokenizer = "# [tokenizer]    # that of the language, unless another is named here\n"
    if lang not in registry.tokenizers.names():
        tokenizer = (
            '[tokenizer]    # no rules for this language are installed\ntype = "whitespace"\n'
        )
    values = {
        "lang": lang,
        "task": task,
        "summary": kind.summary,
        "name": f"{lang}_{task}",
        "given": f'\ngiven = ["{kind.given}"]    # layers that documents bring'
        if kind.given
        else "",
        "freeze": freeze,
        "tokenizer": tokenizer,
        "encoder": encoder,
        "components": template(f"recipes/{task}.toml").strip(),
        "train": _corpus("train", train, path, kind, format),
        "dev": _corpus("dev", dev, path, kind, format),
    }
    text = render_template("recipes/recipe.toml", values)
    if "encoder =" not in values["components"]:
        begin = text.index("[encoders.main]")
        text = text[: text.rindex("\n\n", 0, begin) + 2] + text[text.index("[components.") :]
    return text


def _corpus(
    part: str,
    corpus: Path | None,
    recipe: Path,
    task: RecipeTask,
    format: str | None,
) -> str:
    """The lines of a corpus; its path is relative to the folder of the recipe where it can be."""
    format_there = format or ("squad" if task.file == ".json" else "")
    if corpus is None:
        corpus = Path(f"{part}{task.file}")
    else:
        folder = recipe.resolve().parent
        if corpus.resolve().is_relative_to(folder):
            corpus = corpus.resolve().relative_to(folder)
        else:
            corpus = corpus.resolve()
    if not format_there:
        format_there = corpus_format(recipe.resolve().parent / corpus)
    lines = [f'path = "{corpus.as_posix()}"', f'format = "{format_there}"']
    if task.options and format_there == "csv":
        lines.append(task.options)
    return "\n".join(lines)
