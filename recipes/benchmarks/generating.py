"""Texts written by pipekit and by `transformers.generate`, with the weights of one random GPT-2.

    pip install transformers
    python recipes/benchmarks/generating.py

One thread. Both write --pieces pieces behind a beginning of 32, for one text and for 32 at a time,
greedily and with four beams. Both take turns. Printed are pieces a second of each, the median of
the ratio within a turn, above 1 where pipekit is faster, and how many texts are the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from pipekit.decoders.published import read_gpt2
from pipekit.decoders.transformer import CausalDecoder
from pipekit.generation.search import Search
from pipekit.generation.writing import WritingTask, write_texts

VOCABULARY = 50_257
BEGINNING = 32
END = VOCABULARY - 1
CASES = ((1, 1), (32, 1), (1, 4), (8, 4))  # texts, beams
Pieces = list[list[int]]


def models(
    width: int,
    layers: int,
) -> tuple[Any, CausalDecoder]:
    """A random GPT-2, and a decoder of the same weights."""
    torch.manual_seed(1)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=width,
        n_layer=layers,
        n_head=width // 64,
        eos_token_id=END,
        pad_token_id=END,
    )
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        published = read_gpt2(Path(folder), VOCABULARY)
    settings = dict(published.settings)
    settings.pop("type")
    ours = CausalDecoder(VOCABULARY, **settings).eval()
    ours.load_state_dict(published.weights)
    return theirs, ours


def way_of_transformers(
    model: Any,
    beginnings: torch.Tensor,
    beams: int,
    pieces: int,
) -> Pieces:
    written = model.generate(
        beginnings,
        attention_mask=torch.ones_like(beginnings),
        max_new_tokens=pieces,
        min_new_tokens=pieces,
        num_beams=beams,
        do_sample=False,
    )
    rows: Pieces = written[:, beginnings.shape[1] :].tolist()
    return rows


def way_of_pipekit(
    decoder: CausalDecoder,
    beginnings: torch.Tensor,
    beams: int,
    pieces: int,
) -> Pieces:
    rows = list(beginnings.numpy())
    task = WritingTask(rows, END, list(range(len(rows))))
    search = Search(most=pieces, least=pieces, beams=beams)
    return [texts[0].ids.tolist() for texts in write_texts(decoder, task, search)]


def timed(way: Callable[[], Pieces]) -> tuple[float, Pieces]:
    begun = time.perf_counter()
    written = way()
    return time.perf_counter() - begun, written


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--pieces", type=int, default=64)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    theirs, ours = models(options.width, options.layers)
    random = np.random.default_rng(1)
    print("| texts | beams | pipekit, pieces a second | transformers | ratio | same pieces |")
    print("|---:|---:|---:|---:|---:|---:|")
    for texts, beams in CASES:
        beginnings = torch.from_numpy(random.integers(0, END, (texts, BEGINNING)))
        arguments = (beginnings, beams, options.pieces)
        own_seconds, their_seconds = [], []
        same = 0
        for _ in range(options.turns):
            with torch.inference_mode():
                seconds, own = timed(partial(way_of_pipekit, ours, *arguments))
                own_seconds.append(seconds)
                seconds, other = timed(partial(way_of_transformers, theirs, *arguments))
                their_seconds.append(seconds)
            same = sum(a == b for a, b in zip(own, other, strict=True))
        total = texts * options.pieces
        ratios = [b / a for a, b in zip(own_seconds, their_seconds, strict=True)]
        cells = [texts, beams, f"{total / statistics.median(own_seconds):,.0f}"]
        cells.append(f"{total / statistics.median(their_seconds):,.0f}")
        cells += [f"{statistics.median(ratios):.2f}", f"{same} of {texts}"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
