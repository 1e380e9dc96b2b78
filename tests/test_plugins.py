"""Packages that misbehave, installed for real.

Each is an error for its own names only, and the message names the package and the cure.

Modules: errors, registry, resources
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.packages import Site

import pipekit
from pipekit import Doc, PipekitWarning, Pipeline, registry
from pipekit.cli import info
from pipekit.errors import (
    PluginConflictError,
    PluginContractError,
    PluginImportError,
    PluginMissingError,
    ProcessingError,
    UnknownComponentError,
)
from pipekit.pipeline.hooks import Hooks, Specs

BROKEN = {
    "import": ("import nosuchmodule", "ModuleNotFoundError: No module named 'nosuchmodule'"),
    "name": ("from pipekit import Dok", "ImportError: cannot import name 'Dok'"),
    "syntax": ("def broken(:", "SyntaxError: "),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "runtime": ("raise RuntimeError('no licence found')", "RuntimeError: no licence found"),
    "attribute": ("", "AttributeError: module 'broken' has no attribute 'Part'"),
}
COMPONENT = """
    class Part:
        requires = ()
        assigns = ("mark",)

        def __init__(self, mark="x"):
            self.mark = mark

        def __call__(self, batch):
            for doc in batch.docs:
                doc.tokens.set("mark", [self.mark] * len(doc) if len(doc) else [])
"""


def component(name: str, module: str) -> dict[str, str]:
    return {"pipekit_components": f"{name} = {module}:Part"}


def marks(nlp: Pipeline) -> list[str]:
    return [token.get("mark") for token in nlp("Мама мыла раму.")]


def run(site: Site, program: str) -> str:
    """What a program prints in a process of its own, where the packages are installed."""
    environment = {**os.environ, "PYTHONPATH": str(site.folder), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# -- a package that works


def test_an_installed_component_has_a_name(site: Site) -> None:
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks", mark="y")
    assert marks(nlp) == ["y"] * 4
    assert str(registry.components.supplier("marks")) == "pipekit-marks 1.0 (pipekit_marks:Part)"


def test_listing_what_is_installed_imports_none_of_it(site: Site) -> None:
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    site.install("broken", "raise RuntimeError", component("broken", "broken"))
    found = info.installation_facts()
    assert {"marks (pipekit-marks)", "broken (broken)", "tagger (pipekit-nlp)"} <= set(
        found["components"]
    )
    assert not site.imported()


def test_a_pipeline_that_uses_no_plugin_imports_none(site: Site) -> None:
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    program = """
import sys, pipekit
nlp = pipekit.blank("ru")
nlp.add_encoder("main", "bilstm", width=8, features={"width": 8})
nlp.add_pipe("tagger", encoder="main", tags=["X|"])
again = pipekit.from_bytes(nlp.to_bytes())
assert again("Мама мыла раму.")[0].pos == "X"
print([name for name in sys.modules if name in ("pipekit_marks", "pipekit_contacts", "ru_core")])
"""
    assert run(site, program) == "[]"


def test_a_component_of_a_plugin_needs_no_torch(site: Site) -> None:
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    program = """
import sys, pipekit
nlp = pipekit.blank("ru")
nlp.add_pipe("marks")
print([token.get("mark") for token in nlp("Мама мыла")], "torch" in sys.modules)
again = pipekit.from_bytes(nlp.to_bytes())
print([token.get("mark") for token in again("Мама")], "torch" in sys.modules)
"""
    assert run(site, program) == "['x', 'x'] False\n['x'] False"


def test_a_saved_pipeline_says_who_brought_its_parts(site: Site) -> None:
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks", name="second", mark="z")
    data = nlp.to_bytes()
    assert marks(pipekit.from_bytes(data)) == ["z"] * 4
    site.uninstall("pipekit-marks")
    with pytest.raises(
        PluginMissingError,
        match=r"component 'marks', which pipekit-marks brought .* pip install pipekit-marks",
    ):
        pipekit.from_bytes(data)
    assert pipekit.from_bytes(data, exclude=["second"]).pipe_names == []


def test_an_installed_pipeline_is_loaded_by_its_name(site: Site, tmp_path: Path) -> None:
    site.install(
        "tiny-pipeline",
        f"""
        def path():
            return {str(tmp_path / "tiny.pipekit")!r}
        """,
        {"pipekit_pipelines": "tiny = tiny_pipeline:path"},
    )
    pipekit.blank("ru").to_disk(tmp_path / "tiny.pipekit")
    assert pipekit.load("tiny").lang == "ru"
    with pytest.raises(
        pipekit.PipekitError, match=r"no pipeline is called 'tinny'.*Did you mean 'tiny'\?"
    ):
        pipekit.load("tinny")


def test_a_reader_of_a_plugin_is_found_by_its_name(site: Site) -> None:
    site.install(
        "pipekit-lines", "def read(path): ...", {"pipekit_readers": "lines = pipekit_lines:read"}
    )
    assert registry.readers.get("lines").__module__ == "pipekit_lines"


# -- packages that do not import


@pytest.mark.parametrize("kind", BROKEN)
def test_a_package_that_does_not_import_is_an_error_for_its_own_name_only(
    site: Site, kind: str
) -> None:
    source, reason = BROKEN[kind]
    site.install("broken", source, component("bad", "broken"), version="0.3")
    site.install("pipekit-marks", COMPONENT, component("marks", "pipekit_marks"))
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks")
    assert marks(nlp) == ["x"] * 4
    assert "bad" in registry.components.names()
    with pytest.raises(UnknownComponentError, match="no component is called 'nosuch'"):
        nlp.add_pipe("nosuch")
    with pytest.raises(PluginImportError) as caught:
        nlp.add_pipe("bad")
    for told in ("component 'bad'", "broken 0.3", "(broken:Part)", reason, "pip uninstall broken"):
        assert told in str(caught.value)
    assert caught.value.__cause__ is not None
    assert nlp.pipe_names == ["marks"]


def test_interrupting_an_import_is_not_the_fault_of_the_package(site: Site) -> None:
    site.install("broken", "raise KeyboardInterrupt", component("bad", "broken"))
    with pytest.raises(KeyboardInterrupt):
        registry.components.get("bad")


@pytest.mark.parametrize(
    "value", ["nosuchmodule:Part", "broken", "broken:Part", "broken:Part.deeper"]
)
def test_an_entry_point_that_leads_nowhere_is_an_error_that_shows_it(
    site: Site, value: str
) -> None:
    site.install("broken", "Part = None", {"pipekit_components": f"bad = {value}"})
    with pytest.raises(PluginImportError, match=r"broken 1\.0"):
        pipekit.blank("ru").add_pipe("bad")


# -- packages that bring the same name


def test_two_packages_that_bring_one_name_are_both_named(site: Site) -> None:
    for name in ("marks-one", "marks-two"):
        site.install(name, COMPONENT, component("marks", name.replace("-", "_")))
    with pytest.raises(
        PluginConflictError,
        match=r"brought by 2 packages: marks-\w+ 1\.0 .*; marks-\w+ 1\.0 .*Uninstall all but one",
    ):
        pipekit.blank("ru").add_pipe("marks")
    assert not site.imported()
    site.uninstall("marks-two")
    nlp = pipekit.blank("ru")
    nlp.add_pipe("marks")
    assert marks(nlp) == ["x"] * 4


def test_a_built_in_name_cannot_be_taken_over(site: Site) -> None:
    site.install(
        "thief",
        COMPONENT,
        {"pipekit_components": "tagger = thief:Part", "pipekit_tokenizers": "ru = thief:Part"},
    )
    with pytest.raises(PluginConflictError, match=r"pipekit-nlp .*; thief 1\.0"):
        registry.components.get("tagger")
    with pytest.raises(PluginConflictError, match=r"thief 1\.0"):
        pipekit.blank("ru")
    assert len(pipekit.Pipeline({"tokenizer": {"type": "whitespace"}})("а б")) == 2
    assert not site.imported()


# -- components that break the rules


def build(site: Site, body: str, assigns: str = '("things",)') -> Pipeline:
    site.install(
        "rude",
        f"""
class Part:
    requires = ()
    assigns = {assigns}

    def __call__(self, batch):
        for doc in batch.docs:
            {body}
""",
        component("rude", "rude"),
    )
    nlp = pipekit.blank("ru")
    nlp.add_pipe("rude")
    return nlp


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return doc", "returned Doc: it writes to the documents and returns nothing"),
        ("pass", "assigns 'things' but wrote none"),
        (
            "doc.set_spans('things', []); doc.layers.pop('things')",
            "assigns 'things' but wrote none",
        ),
        (
            "doc.add_layer('things', 'span', 1).set('start', [0]).set('end', [99])",
            "wrote a span of 'things' that does not lie in",
        ),
        (
            "doc.add_layer('things', 'span', 1).set('start', [-1]).set('end', [1])",
            "does not lie in",
        ),
        ("doc.add_layer('things', 'span', 1).set('start', [1]).set('end', [1])", "does not lie in"),
        (
            "doc.add_layer('things', 'span', 1).set('start', [0]).set('end', [1])"
            ".set('score', [float('nan')])",
            "wrote a score that is no number to the column 'score' of 'things'",
        ),
    ],
)
def test_a_component_that_breaks_a_rule_is_named_with_the_document(
    site: Site, body: str, message: str
) -> None:
    nlp = build(site, body)
    with pytest.raises(PluginContractError, match=message) as caught:
        nlp("Мама мыла раму.")
    beginning = "document 0, 'Мама мыла раму.': rude failed: rude 1.0 (rude:Part) "
    assert str(caught.value).startswith(beginning)
    assert (caught.value.document, caught.value.component) == (0, "rude")


def test_no_document_is_lost_where_a_component_breaks_a_rule_on_one(site: Site) -> None:
    nlp = build(site, "doc.set_spans('things', [] if 'яд' not in doc.text else [doc[0:0]])")
    texts = ["один", "два", "яд", "три"]
    docs: list[Any] = list(nlp.pipe(texts, on_error="record"))
    assert [doc.text for doc in docs] == texts
    assert [doc.error is None for doc in docs] == [True, True, False, True]
    assert "does not lie in" in docs[2].error


@pytest.mark.parametrize(
    "body", ["doc.text = 'x'", "doc.starts[0] = 5", "batch.docs.pop()", "batch.docs[0] = None"]
)
def test_a_component_cannot_change_texts_or_drop_documents(site: Site, body: str) -> None:
    with pytest.raises(ProcessingError, match="rude failed: "):
        build(site, body)("Мама мыла раму.")


def test_a_component_that_fails_leaves_a_given_doc_as_it_was(site: Site) -> None:
    doc = Doc(words=["а", "б"])
    doc.tokens.set("pos", ["X", "Y"])
    nlp = build(site, "doc.tokens['pos'].values[:] = 0; doc.add_layer('more', 'doc', 1); 1 / 0")
    with pytest.raises(ProcessingError, match="ZeroDivisionError"):
        nlp(doc)
    assert ([token.pos for token in doc], list(doc.layers)) == (["X", "Y"], ["tokens"])


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("class Part:\n    requires = ()", "assigns"),
        ("class Part:\n    assigns = ()", "requires"),
        ("class Part:\n    requires = assigns = ()", "__call__"),
        ("def Part(): return None", "requires"),
    ],
)
def test_what_is_no_component_is_refused_when_it_is_added(
    site: Site, source: str, missing: str
) -> None:
    site.install("rude", source, component("rude", "rude"))
    nlp = pipekit.blank("ru")
    with pytest.raises(
        PluginContractError, match=rf"'rude', brought by rude 1.0 \(rude:Part\), has no {missing}"
    ):
        nlp.add_pipe("rude")
    assert nlp.pipe_names == []


# -- listeners

LISTENER = """
    from pipekit import hookimpl

    heard = []

    @hookimpl
    def batch_done(docs, seconds):
        heard.append([doc.text for doc in docs])
"""


def listener(module: str) -> dict[str, str]:
    return {"pipekit": f"{module} = {module}"}


def tell(hooks: Hooks) -> list[str]:
    """Tell of a batch; the warnings that it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hooks.tell("batch_done", docs=(Doc(words=["а"]),), seconds=0.1)
    assert all(issubclass(warning.category, PipekitWarning) for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "raise ValueError('no')",
            r"the listener 'aloof' of aloof 1.0 (aloof) is left out: ValueError: no",
        ),
        ("raise SystemExit(1)", "is left out: SystemExit: 1"),
        (
            "from pipekit import hookimpl\n@hookimpl\ndef batch_dnoe(docs): ...",
            "unknown hook 'batch_dnoe'",
        ),
        ("from pipekit import hookimpl\n@hookimpl\ndef batch_done(dosc): ...", "dosc"),
        (
            "from pipekit import hookimpl\n@hookimpl\ndef batch_done(docs): 1 / 0",
            "aloof of aloof 1.0 raised in batch_done",
        ),
        (
            "from pipekit import hookimpl\n@hookimpl\ndef batch_done(docs): raise SystemExit(3)",
            "raised in batch_done and is not told of anything further: SystemExit: 3",
        ),
    ],
)
def test_a_broken_listener_is_a_warning_and_the_others_hear_on(
    site: Site, source: str, message: str
) -> None:
    site.install("aloof", source, listener("aloof"))
    for name in ("before", "zealous"):
        site.install(name, LISTENER, listener(name))
    hooks = Hooks()
    [warning] = tell(hooks)
    assert message in warning
    assert tell(hooks) == []
    for name in ("before", "zealous"):
        assert sys.modules[name].heard == [["а"], ["а"]]


def test_listeners_hear_of_what_a_pipeline_does(site: Site) -> None:
    site.install("keen", LISTENER, listener("keen"))
    program = """
import pipekit, keen
nlp = pipekit.blank("ru")
list(nlp.pipe(["раз", "два"]))
print(keen.heard)
"""
    assert run(site, program) == "[['раз', 'два']]"


class Witness:
    """Hears everything."""

    def __init__(self) -> None:
        self.news: list[tuple[Any, ...]] = []

    @pipekit.hookimpl
    def pipeline_ready(self, pipeline: Pipeline) -> None:
        self.news.append(("pipeline_ready", pipeline))

    @pipekit.hookimpl
    def batch_done(self, docs: tuple[Doc, ...], seconds: float) -> None:
        self.news.append(("batch_done", [doc.text for doc in docs], seconds >= 0))

    @pipekit.hookimpl
    def doc_failed(self, document: int, component: str, error: Exception) -> None:
        self.news.append(("doc_failed", document, component, type(error)))

    @pipekit.hookimpl
    def train_step(self, step: int, losses: Mapping[str, float]) -> None:
        self.news.append(("train_step", step, losses))


@pytest.fixture
def witness() -> Iterator[Witness]:
    from pipekit.pipeline.hooks import hooks

    found = Witness()
    hooks.add(found)
    yield found
    hooks.remove(found)


def test_every_hook_is_known_here() -> None:
    assert {name for name in vars(Specs) if not name.startswith("_")} == {
        name for name in vars(Witness) if not name.startswith("_")
    }


def test_a_pipeline_that_is_loaded_is_told_of(witness: Witness) -> None:
    nlp = pipekit.from_bytes(pipekit.blank("ru").to_bytes())
    assert witness.news == [("pipeline_ready", nlp)]


def test_a_document_that_failed_is_told_of(site: Site, witness: Witness) -> None:
    nlp = build(site, "1 / ('яд' not in doc.text); doc.set_spans('things', [])")
    assert len(list(nlp.pipe(["да", "яд", "нет"], on_error="skip"))) == 2
    assert [news for news in witness.news if news[0] == "doc_failed"] == [
        ("doc_failed", 1, "rude", ProcessingError)
    ]
    assert [news[1:] for news in witness.news if news[0] == "batch_done"] == [
        (["да"], True),
        (["нет"], True),
    ]


# -- the package beside pipekit


def test_the_contacts_plugin_finds_contacts() -> None:
    pytest.importorskip("pipekit_contacts")
    nlp = pipekit.blank("ru")
    nlp.add_pipe("contacts")
    doc = nlp(
        "Пишите на ivan@example.org или @ivan, звоните +7 900 123-45-67. Сайт: https://example.org/путь."
    )
    assert [(span.label, span.text) for span in doc.spans["contacts"]] == [
        ("EMAIL", "ivan@example.org"),
        ("NAME", "@ivan"),
        ("PHONE", "+7 900 123-45-67"),
        ("URL", "https://example.org/путь"),
    ]
    assert pipekit.from_bytes(nlp.to_bytes()).pipe_names == ["contacts"]
    assert nlp("").spans["contacts"] == ()


def test_the_contacts_plugin_finds_what_it_is_asked_for() -> None:
    pytest.importorskip("pipekit_contacts")
    nlp = pipekit.blank("ru")
    nlp.add_pipe("contacts", labels=["NAME"])
    assert [span.text for span in nlp("@ivan ivan@example.org").spans["contacts"]] == ["@ivan"]
