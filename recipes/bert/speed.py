"""A step of pretraining beside the same network in bare torch: milliseconds, and their ratio.

    python recipes/bert/speed.py --width 256 --layers 4 --heads 4 --rows 32 --length 128 --threads 1

A step of `pipekit pretrain` with the objective "masked" reads slices of pieces from disk, frames
them, hides words, goes forward and backward, clips and updates. The bare one is
`nn.TransformerEncoder` of the same sizes over ready batches: the same embeddings, the same tied
output layer over as many hidden pieces, the same optimizer. The texts are words of chance. Both
take turns, so that a machine that slows down slows both; medians of --steps steps.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from pipekit import Doc
from pipekit.devices.memory import keep_memory
from pipekit.pretraining.loop import Pretrainer, build_encoder
from pipekit.pretraining.objectives import MaskedTokens
from pipekit.pretraining.recipe import PretrainingRecipe, PretrainingSettings, TextFiles
from pipekit.subwords.learning import learn_subwords, text_of

PIECES = 8_000
WORDS, LINES, PER_LINE = 20_000, 10_000, 40


def texts() -> Iterator[str]:
    """Lines of words of chance, each of which is frequent or rare."""
    chance = random.Random(1)
    syllables = [a + b for a in "бвгдклмнпрст" for b in "аеиоуыя"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(WORDS)]
    shares = [1 / (rank + 10) for rank in range(WORDS)]
    for _ in range(LINES):
        yield " ".join(chance.choices(words, shares, k=PER_LINE)) + "."


def pretrainer(folder: Path, arguments: argparse.Namespace) -> Pretrainer:
    """What `pipekit pretrain` steps by, on texts of chance."""
    text, vocabulary = folder / "text.txt", folder / "subwords.json"
    text.write_text("\n".join(texts()), encoding="utf-8")
    vocabulary.write_bytes(
        learn_subwords(
            (text_of(Doc(words=line.split())) for line in texts()), size=PIECES
        ).table.tobytes()
    )
    settings = PretrainingSettings(
        rows=arguments.rows,
        length=arguments.length,
        mixed_precision=arguments.precision == "bfloat16",
    )
    sizes = {name: getattr(arguments, name) for name in ("width", "layers", "heads", "dropout")}
    encoder = {"type": "bert", "subwords": str(vocabulary), "network": sizes}
    recipe = PretrainingRecipe(
        folder / "recipe.toml", settings, {"masked": {}}, encoder, {}, [TextFiles(text)]
    )
    return Pretrainer(recipe, build_encoder(recipe), folder, arguments.device)


class Bare(nn.Module):
    """BERT of torch's own layers; only the states of hidden pieces reach the output layer."""

    def __init__(self, pieces: int, arguments: argparse.Namespace) -> None:
        super().__init__()
        width, rate = arguments.width, arguments.dropout
        self.pieces, self.positions = (
            nn.Embedding(pieces, width),
            nn.Embedding(arguments.length, width),
        )
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(rate)
        layer = nn.TransformerEncoderLayer(
            width, arguments.heads, 4 * width, rate, "gelu", batch_first=True
        )
        layer.dropout = nn.Identity()  # inside the feed-forward network: BERT has none there
        self.encoder = nn.TransformerEncoder(layer, arguments.layers, enable_nested_tensor=False)
        self.mix, self.last = nn.Linear(width, width), nn.LayerNorm(width)
        self.bias = nn.Parameter(torch.zeros(pieces))

    def forward(self, ids: Tensor, cells: Tensor) -> Tensor:
        states = self.encoder(self.dropout(self.norm(self.pieces(ids) + self.positions.weight)))
        return functional.linear(
            self.last(functional.gelu(self.mix(states.flatten(0, 1)[cells]))),
            self.pieces.weight,
            self.bias,
        )


def bare_step(
    pieces: int, share: float, arguments: argparse.Namespace, device: torch.device
) -> Callable[[], None]:
    """A step of torch alone, on batches that are there before it is called."""
    model = Bare(pieces, arguments).to(device).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), 5e-4, fused=True, betas=(0.9, 0.98), weight_decay=0.01
    )
    size = arguments.rows * arguments.length
    ids = torch.randint(pieces, (arguments.rows, arguments.length), device=device)
    cells = torch.randperm(size, device=device)[: round(share * size)].sort().values

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bfloat16"):
            scores = model(ids, cells)
            loss = functional.cross_entropy(scores.float(), ids.flatten()[cells])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description="A step of pretraining beside one of bare torch.")
    for name, default in (
        ("width", 256),
        ("layers", 4),
        ("heads", 4),
        ("rows", 32),
        ("length", 128),
        ("threads", 1),
        ("steps", 15),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    keep_memory()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    with TemporaryDirectory() as folder:
        framework = pretrainer(Path(folder), arguments)
        masked = framework.objectives["masked"]
        assert isinstance(masked, MaskedTokens)
        bare = bare_step(len(framework.encoder.subwords), masked.share, arguments, framework.device)
        times = measure(
            {"pipekit": framework.step, "bare torch": bare}, arguments.steps, framework.device
        )
    report(times, arguments.rows * arguments.length)


def measure(
    steps: dict[str, Callable[[], None]], count: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of each step, the first three of each left out."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in tqdm(range(count + 3), desc="steps", mininterval=1):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - begun)
    return {name: found[3:] for name, found in times.items()}


def report(times: dict[str, list[float]], pieces: int) -> None:
    print("| | milliseconds a step | pieces a second |\n|---|---:|---:|")
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, median in medians.items():
        print(f"| {name} | {1e3 * median:,.1f} | {pieces / median:,.0f} |")
    ratio = statistics.median(one / other for one, other in zip(*times.values(), strict=True))
    print(
        f"\nA step of pipekit takes {ratio:.3f} times as long "
        "as one of bare torch (median of pairs)."
    )


if __name__ == "__main__":
    main()
