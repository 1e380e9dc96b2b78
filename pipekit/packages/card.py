"""The model card of a pipeline, Markdown made from what its file says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipekit import registry
from pipekit.pipeline import Pipeline

_LONGEST = 400  # characters of the labels of a component
FACTS = {
    "description": "what it is for",
    "license": "the licence of the weights",
    "sources": "the data that it learned from, with their licences",
    "performance": "figures",
    "limits": "what it cannot do",
}
"""What a card tells beside the parts of the pipeline, by the keys of the pipeline's meta data."""


def missing_facts(meta: Mapping[str, Any]) -> list[str]:
    """The keys of `FACTS` of which a pipeline says nothing."""
    return [key for key in FACTS if not meta.get(key)]


def model_card(
    pipeline: Pipeline,
    name: str,
    version: str,
    wheel: str,
    requirements: Sequence[str],
    facts: Mapping[str, Any],
) -> str:
    """The card.

    Args:
        wheel: the name of the file that pip installs.
        requirements: what the package needs.
        facts: more lines about the file itself, by title.
    """
    meta = pipeline.meta
    sections = [
        f"# {name} {version}",
        _text(meta, "description"),
        f"```sh\npip install {wheel}\n```",
        f'```python\nimport pipekit\n\nnlp = pipekit.load("{name}")\ndoc = nlp("…")\n```',
        "## What it writes",
        _table(("component", "type", "writes", "labels"), _component_rows(pipeline)),
        "## Figures",
        _figures(meta),
        "## Data",
        _data(meta),
        "## Licence",
        _text(meta, "license"),
        "## Limits",
        _text(meta, "limits"),
        "## What it needs",
        "\n".join(f"* `{requirement}`" for requirement in requirements),
        "## The file",
        _table(("", ""), facts.items()),
    ]
    return "\n\n".join(sections) + "\n"


def _text(
    meta: Mapping[str, Any],
    key: str,
) -> str:
    """What the meta data say under a key."""
    value = meta.get(key)
    if not value:
        return f"Not stated ({FACTS[key]})."
    if isinstance(value, list | tuple):
        return _listed(value)
    return _line(value)


def _listed(items: Iterable[Any]) -> str:
    return "\n".join(f"* {_line(item)}" for item in items)


def _line(value: Any) -> str:
    """A value in one line, which cannot end a table or a list."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_line, line))} |" for line in lines)


def _component_rows(pipeline: Pipeline) -> Iterator[tuple[str, ...]]:
    """A row for each component: its name, type, what it writes, and its labels."""
    for name, component in pipeline.components.items():
        settings = pipeline.configs["components"][name]
        type_name = settings["type"]
        package = registry.components.supplier(type_name).package
        writes = ", ".join(f"`{layer}`" for layer in component.assigns) or "-"
        labels = settings.get(getattr(component, "inventory", ""), ())
        yield name, f"{type_name} ({package})", writes, _shortened(list(map(str, labels)))


def _shortened(labels: list[str]) -> str:
    """As many labels as a cell of a table holds."""
    if not labels:
        return "-"
    shown = labels
    while len(", ".join(shown)) > _LONGEST:
        shown = shown[: len(shown) // 2]
    if len(shown) < len(labels):
        return f"{len(labels)}: {', '.join(shown)}, …"
    return ", ".join(labels)


def _figures(meta: Mapping[str, Any]) -> str:
    """The figures as a table: a row for each corpus."""
    figures = meta.get("performance")
    if not isinstance(figures, Mapping) or not figures:
        return _text(meta, "performance")
    by_corpus: Mapping[str, Any] = figures
    if not all(isinstance(values, Mapping) for values in figures.values()):
        by_corpus = {"": figures}
    names = list(dict.fromkeys(name for values in by_corpus.values() for name in values))
    rows = []
    for corpus, values in by_corpus.items():
        rows.append([corpus, *(_figure(values.get(name)) for name in names)])
    return _table(["", *names], rows)


def _figure(value: Any) -> str:
    """A share as evaluations show it, such as 95.72."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return f"{100 * value:.2f}"


def _data(meta: Mapping[str, Any]) -> str:
    """The sources, and the files of the training."""
    lines = _text(meta, "sources")
    files = meta.get("data")
    if not isinstance(files, Mapping) or not files:
        return lines
    rows = [(part, _line(text)) for part, text in files.items()]
    return f"{lines}\n\n{_table(('part', 'files'), rows)}"
