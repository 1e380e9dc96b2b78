"""What may be listened to: hooks that any number of installed packages answer.

A listener is a module (or an object) behind an entry point of the group `pipekit`, with functions marked `@pipekit.hookimpl`. Listeners
learn of things and return nothing. One that does not import, or raises, is a warning and is left out from then on; the others hear on.
"""

from __future__ import annotations

import warnings
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from pipekit.errors import PipekitWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipekit.doc import Doc
    from pipekit.pipeline.assembly import Assembly

GROUP = "pipekit"
hookspec = pluggy.HookspecMarker("pipekit")
hookimpl = pluggy.HookimplMarker("pipekit")


class Specs:
    """The hooks, with what each tells."""

    @hookspec
    def pipeline_ready(self, pipeline: Assembly) -> None:
        """A pipeline, in full a `Pipeline`, has been loaded."""

    @hookspec
    def batch_done(self, docs: tuple[Doc, ...], seconds: float) -> None:
        """A batch has passed through all components."""

    @hookspec
    def doc_failed(self, document: int, component: str, error: Exception) -> None:
        """A document (its position in the stream) could not be processed, and the caller asked to go on."""

    @hookspec
    def train_step(self, step: int, losses: Mapping[str, float]) -> None:
        """An optimizer step is done; the loss of each component."""


class Hooks:
    """The listeners, found once, when the first hook is told."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("pipekit")
        self._manager.add_hookspecs(Specs)
        self._found = False

    def add(self, listener: object, name: str | None = None) -> None:
        """Let an object listen. Errors: pluggy's, naming hook and argument, if its functions do not fit the hooks."""
        try:
            self._manager.register(listener, name=name)
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            if self._manager.is_registered(listener):
                self._manager.unregister(listener)
            raise

    def remove(self, listener: object) -> None:
        """Let it listen no more."""
        self._manager.unregister(listener)

    def tell(self, hook: str, **news: Any) -> None:
        """Call the hook on every listener, each on its own."""
        self._find()
        for heard in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            try:
                heard.function(**{name: news[name] for name in heard.argnames})
            except Exception as error:
                self._manager.unregister(heard.plugin)
                _warn(
                    f"{heard.plugin_name} raised in {hook} and is not told of anything further: {type(error).__name__}: {error}"
                )

    def _find(self) -> None:
        if self._found:
            return
        self._found = True
        for entry in entry_points(group=GROUP):
            package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?"
            try:
                self.add(entry.load(), name=f"{entry.name} of {package}")
            except (Exception, SystemExit) as error:
                _warn(
                    f"the listener {entry.name!r} of {package} ({entry.value}) is left out: {type(error).__name__}: {error}"
                )


def _warn(message: str) -> None:
    warnings.warn(message, PipekitWarning, stacklevel=4)


hooks = Hooks()
