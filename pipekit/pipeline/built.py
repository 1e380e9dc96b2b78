"""The parts of a pipeline, for reading: all are built from its config, and stay as they are.

What is put into a pipeline beside its config would work in this process, and be missing in its file
and in worker processes.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pipekit import registry
from pipekit.errors import ConfigError
from pipekit.habits import Telling

if TYPE_CHECKING:
    import torch

    from pipekit.parts.contracts import Encoder
    from pipekit.parts.protocols import Component

_Part = TypeVar("_Part")
PartSettings = dict[str, Any]  # of a part: its type and the arguments that build it
CURES = {
    "tokenizer": (
        'register its class, pipekit.registry.tokenizers.register("mine", Mine), '
        'and call nlp.set_tokenizer("mine")'
    ),
    "components": (
        'register its class, pipekit.registry.components.register("mine", Mine), '
        'and call nlp.add_pipe("mine"); nlp.select_pipes(disable=[…]) leaves components out'
    ),
    "encoders": 'nlp.add_encoder("main", "bilstm") adds one of a registered type',
    "configs": "nlp.add_pipe and nlp.add_encoder write it",
    "tokenizer_config": "nlp.set_tokenizer writes it",
}
"""What to do instead of an assignment, by the attribute of a pipeline."""


def refuse_assignment(attribute: str) -> NoReturn:
    """Errors: `ConfigError` with the cure, for an attribute of `CURES`."""
    raise ConfigError(
        f"nlp.{attribute} is built from the pipeline's config, which its file and worker processes "
        f"are made of, and cannot be changed beside it: {CURES[attribute]}"
    )


class Parts(dict[str, _Part]):
    """Encoders or components by name, in their order. Errors: `ConfigError` for changes.

    Args:
        attribute: what the pipeline calls them.
        parts: the parts.
    """

    __slots__ = ("_attribute",)

    def __init__(
        self,
        attribute: str,
        parts: dict[str, _Part],
    ) -> None:
        super().__init__(parts)
        self._attribute = attribute

    def __setitem__(
        self,
        name: str,
        part: Any,
    ) -> NoReturn:
        refuse_assignment(self._attribute)

    def __delitem__(self, name: str) -> NoReturn:
        refuse_assignment(self._attribute)

    # The other ways to write, by these two.
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear

    def __ior__(  # type: ignore[misc]
        self,
        parts: object,
    ) -> NoReturn:
        refuse_assignment(self._attribute)


class BuiltParts(Telling):
    """What an `Assembly` has: parts, and the settings that they were built from."""

    lang: str
    meta: dict[str, Any]
    precision: str
    given: tuple[str, ...]
    tokenizer: Any
    tokenizer_config: PartSettings
    encoders: dict[str, Encoder]
    components: dict[str, Component]
    configs: dict[str, dict[str, PartSettings]]

    def __setattr__(
        self,
        name: str,
        value: Any,
    ) -> None:
        """Errors: `ConfigError` for parts, which are built from the config."""
        if name in CURES:
            refuse_assignment(name)
        object.__setattr__(self, name, value)

    def _put(self, **parts: Any) -> None:
        """Set parts, and the settings that they were built from."""
        self.__dict__.update(parts)

    @property
    def config(self) -> dict[str, Any]:
        """The config that builds this pipeline again."""
        config: dict[str, Any] = {}
        config["lang"] = self.lang
        config["tokenizer"] = self.tokenizer_config
        if self.given:
            config["given"] = list(self.given)
        for kind, settings in self.configs.items():
            config[kind] = dict(settings)
        return config

    @property
    def pipe_names(self) -> list[str]:
        """The names of the components, in their order."""
        return list(self.components)

    @property
    def device(self) -> torch.device:
        """The device that holds the weights."""
        import torch

        return torch.device(self.device_name)

    @property
    def device_name(self) -> str:
        """The name of the device that holds the weights, such as "cpu" or "cuda:0".

        It imports no torch, since a pipeline without networks needs none.
        """
        torch = sys.modules.get("torch")
        if torch is None:  # nobody has imported it, so there are no networks
            return "cpu"
        for part in self._parts():
            if isinstance(part, torch.nn.Module):
                for weight in part.parameters():
                    return str(weight.device)
        return "cpu"

    def _parts(self) -> list[Any]:
        return [*self.encoders.values(), *self.components.values()]

    def is_own(
        self,
        kind: str,
        name: str = "",
    ) -> bool:
        """Whether pipekit itself brings the type of a part; arguments as of `brought_by`."""
        return registry.BY_KIND[kind].is_own(self._type_of(kind, name))

    def brought_by(
        self,
        kind: str,
        name: str = "",
    ) -> str:
        """The package that brings the type of a part, with its version and entry point.

        Args:
            kind: "tokenizer", "encoders" or "components".
            name: of the encoder or component.
        """
        return registry.BY_KIND[kind].brought_by(self._type_of(kind, name))

    def _type_of(
        self,
        kind: str,
        name: str,
    ) -> str:
        if kind == "tokenizer":
            return str(self.tokenizer_config["type"])
        return str(self.configs[kind].get(name, {}).get("type", name))
