"""Rows of installed packages and of trust: plugins that are broken, files that would run code."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from .deeds import install
from .files import alter
from .harness import forked, program, row, started
from .sides import Side

FINE = "works"
BROKEN = {
    "ImportError": "import nosuchmodule",
    "SyntaxError": "def broken(:",
    "NameError": "undefined_name",
    "SystemExit": "import sys\nsys.exit(3)",
    "no such object": "x = 1",
    "OSError": "raise OSError('no licence')",
}
GOOD_PART = {
    "pipekit": """
class Part:
    requires = ()
    assigns = ("good",)
    def __call__(self, batch):
        for doc in batch.docs:
            doc.set_spans("good", [])
""",
    "spaCy": """
from spacy.language import Language
@Language.component("good")
def Part(doc):
    return doc
""",
}
PROBES = ("blank pipeline", "built-in component", "saved pipeline", "other plugin", "message")


@row(
    "broken-package",
    "a package that fails to import harms nobody, and is named to whoever asks for it",
    trials=len(BROKEN) * len(PROBES),
    good=(FINE,),
)
def broken_package(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Six ways to break beside a good plugin. Probes: a blank pipeline, a built-in component, a
    saved pipeline, the good plugin; and whether the message for the broken one names its package.
    """
    model = folder / f"model{side.suffix}"
    forked(lambda: str(side.save(side.built(), model)), 120)
    outcomes: Counter[str] = Counter()
    for number, source in enumerate(list(BROKEN.values())[: -(-trials // len(PROBES))]):
        place = folder / str(number)
        install(side, place, "good", GOOD_PART[side.name], "Part")
        install(side, place, "broken", source, "Part")
        with started(side, "probe", model) as process:
            output, _ = process.communicate(timeout=200)
        outcomes.update(output.splitlines())
        os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].removeprefix(f"{place}{os.pathsep}")
    return outcomes


@program
def probe(
    side: Side,
    model: str,
) -> None:
    """Print the outcome of each probe, from a forked process that has imported the library."""
    side.imported()
    for name in PROBES:
        outcome = forked(lambda name=name: _probed(side, Path(model), name), 60)
        print(outcome if outcome == FINE else f"{name}: broken")


def _probed(
    side: Side,
    model: Path,
    probe: str,
) -> str:
    if probe == "saved pipeline":
        nlp = side.load(model)
    elif probe == "built-in component":
        nlp = side.built()
    else:
        nlp = side.blank()
    if probe == "other plugin":
        nlp.add_pipe("good")
    if probe == "message":
        try:
            nlp.add_pipe("broken")
        except Exception as error:
            text = str(error)
            return FINE if "faulty-broken" in text or "faulty_broken" in text else text
        return "a broken part was added"
    nlp("Мама мыла раму.")
    return FINE


# Ways of a component to break its contract: in the words of each side.
RUDE = {
    "returns a wrong thing": {
        "pipekit": "def act(docs):\n    return 5",
        "spaCy": "def each(doc):\n    return 5",
    },
    "drops documents": {
        "pipekit": "def act(docs):\n    del docs[1:]",
        "spaCy": "def stream(docs):\n    yield next(iter(docs))",
    },
    "changes the order": {
        "pipekit": "def act(docs):\n    docs.reverse()",
        "spaCy": "def stream(docs):\n    yield from reversed(list(docs))",
    },
    "NaN in cats": {
        "pipekit": "def act(docs):\n    for doc in docs:\n"
        "        doc.add_layer('cats', 'doc', 1).set('label', ['x']).set('score', [float('nan')])",
        "spaCy": "def each(doc):\n    doc.cats = {'x': float('nan')}\n    return doc",
    },
    "a span that ends before it starts": {
        "pipekit": "def act(docs):\n    for doc in docs:\n"
        "        doc.add_layer('ents', 'span', 1).set('start', [2]).set('end', [1])",
        "spaCy": "def each(doc):\n    from spacy.tokens import Span\n"
        "    doc.spans['x'] = [Span(doc, 2, 1)]\n    return doc",
    },
    "another document": {
        "pipekit": "def act(docs):\n    docs[0] = docs[1]",
        "spaCy": "def stream(docs):\n    docs = list(docs)\n    yield docs[1]\n"
        "    yield from docs[1:]",
    },
}
RUDE_PARTS = {
    "pipekit": """
class Part:
    requires = ()
    assigns = ("cats",) if "cats" in MARK else ("ents",)
    def __call__(self, batch):
        for doc in batch.docs:
            if "cats" not in self.assigns:
                doc.set_spans("ents", [])
        return act(batch.docs)
""",
    "spaCy": """
from spacy.language import Language

@Language.factory("rude")
def Part(nlp, name):
    return Component()

class Component:
    def __call__(self, doc):
        return globals().get("each", lambda doc: doc)(doc)
    def pipe(self, docs, **settings):
        if "stream" in globals():
            yield from stream(docs)
        else:
            for doc in docs:
                yield each(doc)
""",
}
NAMED = "refused, the component named"


@row(
    "rude-component",
    "a component that breaks its contract is named; nothing wrong comes out in silence",
    trials=len(RUDE),
    good=(NAMED,),
)
def rude_component(
    side: Side,
    trials: int,
    folder: Path,
) -> Counter[str]:
    """Streams of 50 texts; wrong results, dropped, swapped and replaced documents, NaN, a span
    that ends before it starts."""
    outcomes: Counter[str] = Counter()
    for number, (kind, sources) in enumerate(list(RUDE.items())[:trials]):
        place = folder / str(number)
        source = f"MARK = {kind!r}\n{sources[side.name]}\n{RUDE_PARTS[side.name]}"
        install(side, place, "rude", source, "Part")
        outcome = forked(lambda place=place: _streamed(side, place), 60)
        outcomes[outcome if outcome == NAMED else f"{kind}: {outcome}"] += 1
    return outcomes


def _streamed(
    side: Side,
    place: Path,
) -> str:
    sys.path.insert(0, str(place))
    nlp = side.blank()
    nlp.add_pipe("rude")
    source = [f"Текст номер {i} здесь." for i in range(50)]
    try:
        out = [side.says(doc)[0] for doc in side.stream(nlp, source)]
    except Exception as error:
        return NAMED if "rude" in str(error) else f"{type(error).__name__}, nobody named"
    lost = len(set(source) - set(out))
    return f"{lost} of 50 documents lost in silence" if lost else "passed in silence"


# -- what a load does

WATCHED = ("exec", "compile", "import", "pickle", "marshal", "os.system", "subprocess", "socket")


@row(
    "load-runs-nothing",
    "a load runs no code, imports nothing, and opens nothing but the pipeline",
    trials=10,
)
def load_runs_nothing(
    side: Side,
    trials: int,
    folder: Path,
) -> str:
    """Audit events of loads after a first one: of the intact pipeline, then of damaged ones."""
    path = folder / f"model{side.suffix}"
    events: list[tuple[str, str]] = []
    listening = False

    def listen(
        event: str,
        arguments: tuple[Any, ...],
    ) -> None:
        if listening and (event == "open" or event.startswith(WATCHED)):
            events.append((event, str(arguments[0] if arguments else "")[:80]))

    nlp = side.built()
    side.save(nlp, path)
    side.load(path)
    sys.addaudithook(listen)
    for trial in range(trials):
        if trial:
            side.save(nlp, path)
            files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
            alter(files, trial, random.Random(trial))
        listening = True
        with suppress(Exception):
            side.load(path)
        listening = False
    kinds = Counter(_kind(*event, folder) for event in events)
    del kinds["open within"]
    parts = [f"{count} × {kind}" for kind, count in kinds.most_common()]
    return f"{', '.join(parts) or 'nothing'} in {trials} loads"


def _kind(
    event: str,
    what: str,
    folder: Path,
) -> str:
    if event != "open":
        return event
    if ".dist-info" in what or ".egg-info" in what or what in sys.path:
        return "reading which packages are installed"
    return "open within" if what.startswith(str(folder)) else "open outside"
