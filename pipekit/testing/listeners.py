"""What every listener to hooks is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import pipekit
from pipekit import installed
from pipekit.pipeline.hooks import GROUP, Hooks, Specs

HOOKS = tuple(name for name in vars(Specs) if not name.startswith("_"))


class ListenerTests:
    """The questions to a listener.

        class TestMine(pipekit.testing.ListenerTests):
            listener = pipekit_mine.listener

    Attributes:
        listener: the module or object behind an entry point of the group `pipekit`.
    """

    listener: ClassVar[Any]

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions of the listener that have the name of a hook."""
        functions = {}
        for name in HOOKS:
            function = getattr(self.listener, name, None)
            if function is not None:
                functions[name] = function
        return functions

    def news(self) -> dict[str, Any]:
        """The arguments of all hooks, as a pipeline gives them."""
        nlp = pipekit.blank("ru")
        return {
            "pipeline": nlp,
            "docs": tuple(nlp.pipe(["Мама мыла раму.", ""])),
            "seconds": 0.01,
            "document": 0,
            "component": "tagger",
            "error": ValueError("a reason"),
            "step": 1,
            "losses": {"tagger": 0.5},
        }

    # -- questions

    def test_an_entry_point_brings_it(self) -> None:
        listeners = []
        for entry in installed.entries(GROUP):
            assert entry.package.refusal() is None
            listeners.append(entry.load())
        assert any(listener is self.listener for listener in listeners)

    def test_it_listens_to_hooks_that_there_are(self) -> None:
        assert self.functions(), f"no function has the name of a hook: {', '.join(HOOKS)}"
        Hooks().add(self.listener)  # which refuses other names and arguments

    def test_each_of_its_functions_is_marked(self) -> None:
        for name, function in self.functions().items():
            is_marked = hasattr(function, "pipekit_impl")
            assert is_marked, f"{name} lacks @pipekit.hookimpl: nobody calls it"

    def test_it_hears_all_news_without_a_fault_and_answers_nothing(self) -> None:
        news = self.news()
        for name, function in self.functions().items():
            arguments = {key: news[key] for key in inspect.signature(function).parameters}
            assert function(**arguments) is None, name
