"""`pipekit generate PIPELINE [TEXT]`: how a text goes on, written as it comes; or which pieces may
stand in the place of [MASK].
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from pipekit.cli.options import pipeline_options, read_text_option, text_options
from pipekit.errors import ConfigError

# Options by the settings of `pipekit.generation.search.Search` that they stand for.
_OPTIONS: Mapping[str, tuple[type, str]] = {
    "most": (int, "the most pieces"),
    "least": (int, "the least pieces before the end"),
    "beams": (int, "how many texts grow together; the best is taken"),
    "length_penalty": (float, "the power of the length by which texts of beams are compared"),
    "no_repeat": (int, "no sequence of so many pieces comes twice"),
    "repetition": (float, "scores of pieces that were there are divided by this"),
    "temperature": (float, "draw pieces by chance, the higher the wilder"),
    "top_k": (int, "draw among so many of the best pieces"),
    "top_p": (float, "draw among the best pieces that have this probability together"),
    "samples": (int, "how many texts, or guesses of [MASK]"),
    "seed": (int, "of chance"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    pipeline_options(parser)
    text_options(parser)
    for name, (kind, meaning) in _OPTIONS.items():
        metavar = "N" if kind is int else "NUMBER"
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=metavar, help=meaning)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the text and how it goes on; several ways one below the other.

    Of a text with [MASK] the best guesses are written, with their probabilities.
    """
    text = read_text_option(options)
    from pipekit.pipeline.loading import load
    from pipekit.subwords.cutter import MASK

    nlp = load(options.pipeline, device=options.device, exclude=options.exclude)
    settings = _settings(options)
    if MASK in text:
        top = settings.pop("samples", 5)
        if settings:
            option = next(iter(settings)).replace("_", "-")
            raise ConfigError(f"--{option} has no meaning for {MASK}: leave it out")
        for guess in nlp.predict(text, top=top):
            print(f"{guess.score:8.3f}  {text.replace(MASK, guess.text)}")
        return 0
    if settings.get("samples", 1) > 1 or settings.get("beams", 1) > 1:
        for candidate in nlp.continuations(text, **settings):
            print(f"{candidate.score:8.3f}  {text}{candidate.text}")
        return 0
    print(text, end="", flush=True)
    for piece in nlp.stream(text, **settings):
        print(piece, end="", flush=True)
    print()
    return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given."""
    settings = {}
    for name in _OPTIONS:
        value = getattr(options, name)
        if value is not None:
            settings[name] = value
    return settings
