"""What of a pipeline learns, from which step on, and how fast: parts and layers that are frozen, unfrozen from the top, or slowed down.

A recipe names what it means in one of three ways:

    encoders.main               a whole part
    encoders.main[:3]           some layers of an encoder, as Python takes them of a list; 0 is the lowest, that of the embeddings
    components.tagger.hidden    a network within a part, by its name there
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from pipekit.errors import ConfigError, near
from pipekit.parts.contracts import Encoder
from pipekit.training.recipe import TrainingSettings

_SLICE = re.compile(r"\[(-?\d*):(-?\d*)\]")


class Learning:
    """Who learns when, and the groups of the optimizer.

    What is frozen, or not yet unfrozen, is in evaluation mode besides: nothing is dropped there.

    Args:
        settings: `freeze`, `unfreeze`, `rates`, `layer_decay`, `weight_decay` and `decay_biases` of a recipe.
        parts: the parts that learn, by "encoders.name" and "components.name".

    Errors: `ConfigError` for names that are not there, numbers out of range, what is both frozen and unfrozen, and where nothing learns.
    """

    def __init__(self, settings: TrainingSettings, parts: Mapping[str, nn.Module]) -> None:
        self.settings = settings
        self.parts = parts
        self.frozen = [
            module for name in settings.freeze for module in selected_layers(parts, name, "freeze")
        ]
        for module in self.frozen:
            module.requires_grad_(False)
        self.stages = list(self._stages())
        self.groups = self._groups()
        self.enter(0.0)
        if not any(
            parameter.requires_grad for part in parts.values() for parameter in part.parameters()
        ):
            raise ConfigError(
                "[training] nothing is left to train from the first step on: no part learns, or all are frozen"
            )

    def _stages(self) -> Iterator[tuple[float, nn.Module]]:
        """The layers that are unfrozen, each with the share of all steps after which it learns: the top first, all at equal distances."""
        taken = set[nn.Parameter]()
        for name, end in self.settings.unfreeze.items():
            _check(
                f'[training.unfreeze] "{name}" = {end}',
                0 < end < 1,
                "a share of the training between 0 and 1 is needed",
            )
            layers = selected_layers(
                {key: part for key, part in self.parts.items() if isinstance(part, Encoder)},
                name,
                "unfreeze",
                layered=True,
            )
            for number, layer in enumerate(reversed(layers), start=1):
                if any(
                    parameter in taken or not parameter.requires_grad
                    for parameter in layer.parameters()
                ):
                    raise ConfigError(
                        f"[training] unfreeze names {name!r}, and freeze, or unfreeze again, weights of it: leave one out"
                    )
                taken.update(layer.parameters())
                yield end * (number / len(layers)), layer

    def _groups(self) -> list[dict[str, Any]]:
        """Weights that share a rate, with its `factor` and their `weight_decay`, in the order of the parts."""
        factors = self._factors()
        groups: dict[tuple[float, float], list[tuple[str, nn.Parameter]]] = {}
        for part, module in self.parts.items():
            for name, parameter in module.named_parameters(part):
                if parameter.requires_grad:
                    decays = self.settings.decay_biases or parameter.ndim > 1
                    key = factors.get(parameter, 1.0), self.settings.weight_decay * decays
                    groups.setdefault(key, []).append((name, parameter))
        return [
            {"params": params, "factor": factor, "weight_decay": decay}
            for (factor, decay), params in groups.items()
        ]

    def _factors(self) -> dict[nn.Parameter, float]:
        """The product of all factors that are meant for a weight."""
        decay, found = self.settings.layer_decay, dict[nn.Parameter, float]()
        _check(
            f"[training] layer_decay = {decay}",
            0 < decay <= 1,
            "a factor above 0, and 1 at most, is needed",
        )
        slowed = [
            (module, decay**below)
            for part in self.parts.values()
            for below, module in enumerate(reversed(layers_of(part)))
        ]
        for name, factor in self.settings.rates.items():
            _check(
                f'[training.rates] "{name}" = {factor}',
                factor > 0,
                "a factor above 0 is needed; freeze what is not to learn",
            )
            slowed += [(module, factor) for module in selected_layers(self.parts, name, "rates")]
        for module, factor in slowed:
            for parameter in module.parameters():
                found[parameter] = found.get(parameter, 1.0) * factor
        return found

    def enter(self, share: float) -> None:
        """Prepare for a step when `share` of all steps are done."""
        for part in self.parts.values():
            part.train()
        for module in self.frozen:
            _rest(module)
        for begin, layer in self.stages:
            layer.requires_grad_(share >= begin)
            if share < begin:
                _rest(layer)

    def complete(self, share: float) -> bool:
        """Whether all that is unfrozen has begun to learn when `share` of all steps are done."""
        return all(share >= begin for begin, _ in self.stages)


def layers_of(part: nn.Module) -> list[nn.Module]:
    """The layers of an encoder from the lowest to the top; any other part is one."""
    return part.layers() if isinstance(part, Encoder) else [part]


def selected_layers(
    parts: Mapping[str, nn.Module], name: str, setting: str, layered: bool = False
) -> list[nn.Module]:
    """What a name in a setting means: a part, layers of it, or a network within it.

    Args:
        layered: whether a whole part is taken as its layers.

    Errors: `ConfigError` for a name that means nothing.
    """
    part = next(
        (
            part
            for part in sorted(parts, key=len, reverse=True)
            if re.match(rf"{re.escape(part)}($|[.\[])", name)
        ),
        None,
    )
    if part is None:
        raise ConfigError(f"[training] {setting} names {name!r}.{near(name, parts)}")
    module, inside = parts[part], name[len(part) :]
    if not inside:
        return layers_of(module) if layered else [module]
    if inside.startswith("["):
        return _slice(layers_of(module), name, inside, setting)
    try:
        return [module.get_submodule(inside[1:])]
    except AttributeError:
        known = [f"{part}.{key}" for key, _ in module.named_children()]
        raise ConfigError(
            f"[training] {setting} names {name!r}, which is no network there.{near(name, known)}"
        ) from None


def _slice(layers: list[nn.Module], name: str, inside: str, setting: str) -> list[nn.Module]:
    numbers = _SLICE.fullmatch(inside)
    found = (
        layers[slice(*(int(number) if number else None for number in numbers.groups()))]
        if numbers
        else []
    )
    if not found:
        raise ConfigError(
            f"[training] {setting} names {name!r}: of {len(layers)} layers, 0 the lowest, write some as [:1] or [1:2]"
        )
    return found


def _rest(module: nn.Module) -> None:
    """Evaluation mode, but for networks of cuDNN, which pass no gradients back to what is below them in that mode; they drop nothing."""
    module.eval()
    for network in module.modules():
        if isinstance(network, nn.RNNBase) and next(network.parameters()).is_cuda:
            network.train()


def _check(setting: str, right: bool, wanted: str) -> None:
    if not right:
        raise ConfigError(f"{setting}: {wanted}")
