"""Hooks: what any number of installed packages may listen to.

A listener is a module (or an object) behind an entry point of the group `pipekit`. Its functions
have the names and arguments of `Specs` and are marked `@pipekit.hookimpl`:

    @pipekit.hookimpl
    def batch_done(docs, seconds):
        print(len(docs), "documents in", seconds, "s")

Listeners return nothing. A listener that does not import, or raises, costs a warning and hears
nothing more; the others are not affected.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pluggy

from pipekit import installed
from pipekit.errors import PipekitWarning, PluginVersionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipekit.doc import Doc
    from pipekit.pipeline.assembly import Assembly

GROUP = "pipekit"
hookspec = pluggy.HookspecMarker("pipekit")
hookimpl = pluggy.HookimplMarker("pipekit")


class Specs:
    """The hooks, with their arguments; a listener may leave out those that it does not need."""

    @hookspec
    def pipeline_ready(self, pipeline: Assembly) -> None:
        """A pipeline has been loaded: `pipeline`, in full a `Pipeline`."""

    @hookspec
    def batch_done(
        self,
        docs: tuple[Doc, ...],
        seconds: float,
    ) -> None:
        """A batch has passed through all components."""

    @hookspec
    def doc_failed(
        self,
        document: int,
        component: str,
        error: Exception,
    ) -> None:
        """A document failed, and the caller asked to go on; `document` counts from 0."""

    @hookspec
    def train_step(
        self,
        step: int,
        losses: Mapping[str, float],
    ) -> None:
        """An optimizer step is done; `losses` has the loss of each component."""


class Hooks:
    """The listeners. Installed ones are looked up once, when the first hook is called."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("pipekit")
        self._manager.add_hookspecs(Specs)
        self._has_installed = False

    def add(
        self,
        listener: object,
        name: str | None = None,
    ) -> None:
        """Let an object listen.

        Errors: pluggy's, naming the hook and the argument, where a function does not fit its hook.
        """
        try:
            self._manager.register(listener, name=name)
            self._manager.check_pending()
        except pluggy.PluginValidationError:
            if self._manager.is_registered(listener):
                self._manager.unregister(listener)
            raise

    def remove(self, listener: object) -> None:
        """Let an object listen no more."""
        self._manager.unregister(listener)

    def tell(
        self,
        hook: str,
        **news: Any,
    ) -> None:
        """Call a hook, with the arguments `news`, on each listener in turn."""
        self._add_installed()
        listeners = getattr(self._manager.hook, hook).get_hookimpls()
        for listener in reversed(listeners):
            try:
                arguments = {name: news[name] for name in listener.argnames}
                listener.function(**arguments)
            except (Exception, SystemExit) as error:
                self._manager.unregister(listener.plugin)
                name = listener.plugin_name
                _warn(f"{name} raised in {hook} and is not told of anything further", error)

    def _add_installed(self) -> None:
        """Let the listeners of installed packages listen, if they do not yet."""
        if self._has_installed:
            return
        self._has_installed = True
        for entry in installed.entries(GROUP):
            package = entry.package
            try:
                refusal = package.refusal()
                if refusal:
                    raise PluginVersionError(f"{package} {refusal}")
                self.add(entry.load(), name=f"{entry.name} of {package}")
            except (Exception, SystemExit) as error:
                listener = f"{entry.name!r} of {package} ({entry.target})"
                _warn(f"the listener {listener} is left out", error)


def _warn(
    message: str,
    error: BaseException,
) -> None:
    reason = f"{type(error).__name__}: {error}"
    warnings.warn(f"{message}: {reason}", PipekitWarning, stacklevel=4)


hooks = Hooks()
