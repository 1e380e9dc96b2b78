"""Names and what they stand for.

Modules: builtin, errors, registry
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest

import pipekit
from pipekit import builtin, registry
from pipekit.errors import (
    ConfigError,
    PluginConflictError,
    PluginMissingError,
    UnknownComponentError,
    UnknownNameError,
)
from pipekit.registry import Registry, check_arguments, check_name

REGISTRIES = {
    known.group: known for known in vars(registry).values() if isinstance(known, Registry)
}


class Shout:
    """A component of this process."""

    requires = ()
    assigns = ("loud",)

    def __init__(self, volume: int = 1) -> None:
        self.volume = volume

    def __call__(self, batch: Any) -> None:
        for doc in batch.docs:
            doc.tokens.set("loud", [word.upper() * self.volume for word in doc.words] or [])


@pytest.fixture
def shout() -> Iterator[type[Shout]]:
    registry.components.register("shout", Shout)
    yield Shout
    registry.components.unregister("shout")


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group, parts in builtin.PARTS.items() for name in parts]
)
def test_every_part_that_pipekit_names_is_there(group: str, name: str) -> None:
    assert name in REGISTRIES[group].names()
    assert callable(REGISTRIES[group].get(name))
    assert REGISTRIES[group].supplier(name).package == "pipekit-nlp"


def test_a_registered_factory_is_found_by_its_name(shout: type[Shout]) -> None:
    assert registry.components.get("shout") is shout
    assert registry.components.build({"type": "shout", "volume": 2}, "[components.a]").volume == 2
    supplier = registry.components.supplier("shout")
    assert str(supplier) == "this process - (tests.test_registry:Shout)"


CELL = """
from pipekit import registry

@registry.components.register("celled")
class Celled:
    requires = ()
    assigns = ("x",)

    def __call__(self, batch):
        for doc in batch.docs:
            doc.tokens.set("x", [VERSION] * len(doc))
"""


def test_a_cell_that_runs_again_replaces_its_class() -> None:
    session = {"__name__": "__main__"}
    try:
        answers = []
        for version in ("1", "2"):
            exec(CELL.replace("VERSION", version), session)
            nlp = pipekit.blank("ru")
            nlp.add_pipe("celled")
            answers.append(nlp("Мама")[0].get("x"))
        assert answers == [1, 2]
        with pytest.raises(ConfigError, match=r"select_pipes\(disable=\['celled'\]\)"):
            nlp.add_pipe("celled")
        data = nlp.to_bytes()
    finally:
        registry.components.unregister("celled")
    with pytest.raises(
        PluginMissingError, match=r"registry\.components\.register\('celled', …\).*entry point"
    ) as caught:
        pipekit.from_bytes(data)
    assert "pip install this process" not in str(caught.value)


def test_a_factory_without_a_name_of_its_own_is_registered(shout: type[Shout]) -> None:
    registry.components.register("quiet", functools.partial(shout, volume=0))
    try:
        assert registry.components.build({"type": "quiet"}, "[components.a]").volume == 0
        assert "partial" in registry.components.brought_by("quiet")
    finally:
        registry.components.unregister("quiet")
    with pytest.raises(ConfigError, match="'five' is no class or function: 5"):
        registry.components.register("five", 5)  # type: ignore[arg-type]


def test_register_is_a_decorator_too() -> None:
    @registry.components.register("whisper")
    class Whisper(Shout):
        pass

    assert registry.components.get("whisper") is Whisper
    registry.components.unregister("whisper")
    assert "whisper" not in registry.components.names()


@pytest.mark.parametrize(
    ("name", "cure"), [("tagger", "name$"), ("shout", r"components\.unregister\('shout'\)$")]
)
def test_a_name_that_is_taken_cannot_be_registered_again(
    shout: type[Shout], name: str, cure: str
) -> None:
    class Another(Shout):
        pass

    for factory in (Another, lambda: shout(), functools.partial(shout)):
        with pytest.raises(
            PluginConflictError, match=f"{name!r} is there already, brought by .*{cure}"
        ):
            registry.components.register(name, factory)
    assert len(registry.components.suppliers(name)) == 1


@pytest.mark.parametrize("known", REGISTRIES.values(), ids=REGISTRIES)
def test_an_unknown_name_is_an_error_that_lists_what_there_is(known: Registry) -> None:
    with pytest.raises(UnknownNameError, match=f"no {known.kind} is called 'nosuch'.* Known: "):
        known.get("nosuch")


def test_an_unknown_name_is_told_what_is_near() -> None:
    with pytest.raises(
        UnknownComponentError, match=r"no component is called 'taggre'. Did you mean 'tagger'\?"
    ):
        registry.components.get("taggre")


@pytest.mark.parametrize(
    "name",
    ["os.system", "pipekit.components.tagger.tagger:Tagger", "../tagger", "builtins:eval", ""],
)
def test_a_dotted_path_is_no_name(name: str) -> None:
    with pytest.raises(UnknownComponentError):
        registry.components.get(name)


@pytest.mark.parametrize(
    "name",
    [
        "..", "a..b", "/abs", "C:\\x", "a/b", "a\x00b", "", "x" * 81, "x" * 300, "CON",
        "nul.txt", "Lpt1",
        "имя", "\u202ename", "-a", ".a", None, 5, "a b", "a\n",
    ],
)  # fmt: skip
def test_a_name_that_could_harm_as_a_path_is_refused(name: object) -> None:
    with pytest.raises(ConfigError, match=r"cannot name a component: use 1 to 80 of"):
        check_name(name, "a component")


@pytest.mark.parametrize(
    "name", ["ner", "ner_v2", "my-ner", "ner.v2", "a", "2nd", "console", "x" * 80]
)
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name, "a component") == name


def factory(words: int, *, deep: bool = False) -> tuple[int, bool]:
    return words, deep


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"words": 1, "depp": True},
            r"here takes no 'depp'. Did you mean 'deep'\? Known: deep, words",
        ),
        ({"deep": True}, "here needs 'words'. It takes: words, deep"),
    ],
)
def test_a_wrong_or_missing_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_arguments(factory, arguments, "here")


def test_a_factory_that_takes_anything_is_given_anything() -> None:
    check_arguments(lambda **anything: None, {"x": 1}, "here")


def test_a_part_without_a_type_is_an_error_that_lists_the_types() -> None:
    with pytest.raises(ConfigError, match=r"\[encoders.main\] needs a type, one of: bert, bilstm"):
        registry.encoders.build({"width": 3}, "[encoders.main]")


def test_a_saved_part_that_no_one_brings_names_the_package_to_install() -> None:
    with pytest.raises(PluginMissingError, match="pip install pipekit-ner"):
        registry.components.require("ner-of-another", "pipekit-ner", "a.pipekit")
    registry.components.require("tagger", "pipekit-nlp", "a.pipekit")
