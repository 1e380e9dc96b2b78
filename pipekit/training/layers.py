"""What of a pipeline learns, from which step on, and how fast.

Parts and layers are frozen, unfrozen from the top, or slowed down. A recipe names them in one of
three ways:

    encoders.main               a whole part
    encoders.main[:3]           layers of an encoder, by a slice as of a Python list;
                                0 is the lowest layer, that of the embeddings
    components.tagger.hidden    a network within a part, by the name of its attribute
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import nn

from pipekit.errors import ConfigError, near
from pipekit.parts.contracts import Encoder
from pipekit.training.recipe import TrainingSettings

_SLICE = re.compile(r"\[(-?\d*):(-?\d*)\]")


class Learning:
    """Which weights learn at which step, and the groups of the optimizer.

    Frozen modules, and those that are not yet unfrozen, are in evaluation mode: they drop nothing.

    Args:
        settings: `freeze`, `unfreeze`, `rates`, `layer_decay`, `weight_decay` and `decay_biases`
            of a recipe.
        parts: the parts that learn, by "encoders.name" and "components.name".

    Errors: `ConfigError` for unknown names, numbers out of range, modules that are both frozen and
    unfrozen, and where nothing learns.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        parts: Mapping[str, nn.Module],
    ) -> None:
        self.settings = settings
        self.parts = parts
        self.frozen: list[nn.Module] = []
        for name in settings.freeze:
            self.frozen += selected_layers(parts, name, "freeze")
        for module in self.frozen:
            module.requires_grad_(False)
        self.stages = list(self._stages())
        self.groups = self._groups()
        self.enter(0.0)
        if not any(_learns(part) for part in parts.values()):
            raise ConfigError(
                "[training] nothing is left to train from the first step on: "
                "no part learns, or all are frozen"
            )

    def _stages(self) -> Iterator[tuple[float, nn.Module]]:
        """The layers that are unfrozen, each with the share of all steps after which it learns.

        The top layer comes first; the distances are equal.
        """
        encoders = {name: part for name, part in self.parts.items() if isinstance(part, Encoder)}
        staged = set[nn.Parameter]()
        for name, end in self.settings.unfreeze.items():
            setting = f'[training.unfreeze] "{name}" = {end}'
            _check(setting, 0 < end < 1, "a share of the training between 0 and 1 is needed")
            layers = selected_layers(encoders, name, "unfreeze", layered=True)
            for number, layer in enumerate(reversed(layers), start=1):
                for parameter in layer.parameters():
                    if parameter in staged or not parameter.requires_grad:
                        raise ConfigError(
                            f"[training] unfreeze names {name!r}, and freeze, or unfreeze again, "
                            "weights of it: leave one out"
                        )
                staged.update(layer.parameters())
                yield end * (number / len(layers)), layer

    def _groups(self) -> list[dict[str, Any]]:
        """Weights that share a rate and a decay, in the order of the parts.

        Each group has named `params`, a `factor` on the learning rate, and its `weight_decay`.
        """
        factors = self._factors()
        groups: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
        for part, module in self.parts.items():
            for name, parameter in module.named_parameters(part):
                if not parameter.requires_grad:
                    continue
                decays = self.settings.decay_biases or parameter.ndim > 1
                decay = self.settings.weight_decay * decays
                key = (factors.get(parameter, 1.0), decay)
                groups.setdefault(key, []).append((name, parameter))
        return [
            {"params": params, "factor": factor, "weight_decay": decay}
            for (factor, decay), params in groups.items()
        ]

    def _factors(self) -> dict[nn.Parameter, float]:
        """The product of all factors that the settings give to a weight."""
        factors = dict[nn.Parameter, float]()
        for module, factor in (*self._decayed_layers(), *self._rated_modules()):
            for parameter in module.parameters():
                factors[parameter] = factors.get(parameter, 1.0) * factor
        return factors

    def _decayed_layers(self) -> list[tuple[nn.Module, float]]:
        """All layers, each with its power of `layer_decay`; the top layer of a part has 1."""
        decay = self.settings.layer_decay
        setting = f"[training] layer_decay = {decay}"
        _check(setting, 0 < decay <= 1, "a factor above 0, and 1 at most, is needed")
        decayed = []
        for part in self.parts.values():
            for distance, layer in enumerate(reversed(layers_of(part))):
                decayed.append((layer, decay**distance))
        return decayed

    def _rated_modules(self) -> list[tuple[nn.Module, float]]:
        """The modules that `rates` names, with their factors."""
        rated = []
        for name, factor in self.settings.rates.items():
            setting = f'[training.rates] "{name}" = {factor}'
            _check(setting, factor > 0, "a factor above 0 is needed; freeze what is not to learn")
            rated += [(module, factor) for module in selected_layers(self.parts, name, "rates")]
        return rated

    def enter(self, share: float) -> None:
        """Prepare for a step after a `share` of all steps."""
        for part in self.parts.values():
            part.train()
        for module in self.frozen:
            _rest(module)
        for begin, layer in self.stages:
            layer.requires_grad_(share >= begin)
            if share < begin:
                _rest(layer)

    def complete(self, share: float) -> bool:
        """Whether all layers have begun to learn after a `share` of all steps."""
        return all(share >= begin for begin, _ in self.stages)


def layers_of(part: nn.Module) -> list[nn.Module]:
    """The layers of an encoder from the lowest to the top; any other part is one layer."""
    return part.layers() if isinstance(part, Encoder) else [part]


def selected_layers(
    parts: Mapping[str, nn.Module],
    name: str,
    setting: str,
    layered: bool = False,
) -> list[nn.Module]:
    """The modules that a name in a setting means: a part, layers of it, or a network within it.

    Args:
        layered: whether a whole part is taken as its layers.

    Errors: `ConfigError` for a name that means nothing.
    """
    part_name = part_of(name, parts)
    if part_name is None:
        raise ConfigError(f"[training] {setting} names {name!r}.{near(name, parts)}")
    part = parts[part_name]
    inside = name[len(part_name) :]
    if not inside:
        return layers_of(part) if layered else [part]
    if inside.startswith("["):
        return _slice(layers_of(part), name, inside, setting)
    try:
        return [part.get_submodule(inside[1:])]
    except AttributeError:
        networks = [f"{part_name}.{key}" for key, _ in part.named_children()]
        raise ConfigError(
            f"[training] {setting} names {name!r}, which is no network there.{near(name, networks)}"
        ) from None


def part_of(
    name: str,
    parts: Iterable[str],
) -> str | None:
    """The longest name of a part that a name begins with."""
    for part in sorted(parts, key=len, reverse=True):
        if re.match(rf"{re.escape(part)}($|[.\[])", name):
            return part
    return None


def _slice(
    layers: list[nn.Module],
    name: str,
    inside: str,
    setting: str,
) -> list[nn.Module]:
    numbers = _SLICE.fullmatch(inside)
    selected = []
    if numbers:
        start, stop = (int(number) if number else None for number in numbers.groups())
        selected = layers[start:stop]
    if not selected:
        raise ConfigError(
            f"[training] {setting} names {name!r}: of {len(layers)} layers, 0 the lowest, "
            "write some as [:1] or [1:2]"
        )
    return selected


def _learns(part: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in part.parameters())


def _rest(module: nn.Module) -> None:
    """Put a module into evaluation mode, but for recurrent networks on a GPU.

    In that mode cuDNN passes no gradients back to the layers below; these networks drop nothing.
    """
    module.eval()
    for network in module.modules():
        if isinstance(network, nn.RNNBase) and next(network.parameters()).is_cuda:
            network.train()


def _check(
    setting: str,
    right: bool,
    wanted: str,
) -> None:
    if not right:
        raise ConfigError(f"{setting}: {wanted}")
