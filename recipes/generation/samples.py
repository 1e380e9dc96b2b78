"""Train a language model, and let it write after some steps.

    python recipes/generation/samples.py recipes/generation/letters.toml -o runs/letters \
        --dev build/book-dev.txt --steps 100 300 500 2000

After each of these steps, and at the end: how many bits a letter of the dev text costs, and a text
that is drawn. `pipekit train` trains the same model without them.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch

from pipekit import Pipeline, hookimpl
from pipekit.corpora.readers import read_text
from pipekit.pipeline.hooks import hooks
from pipekit.training.building import prepare
from pipekit.training.loop import Trainer
from pipekit.training.recipe import read_recipe


def bits_a_letter(
    nlp: Pipeline,
    texts: list[str],
) -> float:
    """The surprisal of texts by their letters."""
    bits = 0.0
    for doc in nlp.pipe(texts):
        bits += float(doc.tokens["surprisal"].values.sum())
    return bits / sum(map(len, texts))


class Samples:
    """Writes a text after some steps of a training."""

    def __init__(
        self,
        trainer: Trainer,
        steps: list[int],
        texts: list[str],
        prompt: str,
    ) -> None:
        self.trainer = trainer
        self.steps = steps
        self.texts = texts
        self.prompt = prompt
        self.begin = time.monotonic()

    @hookimpl
    def train_step(self, step: int) -> None:
        """Look at the network as it is now."""
        if step in self.steps:
            self.show(f"step {step}")

    def show(self, title: str) -> None:
        """Print the bits of a letter, and a text."""
        nlp = self.trainer.pipeline
        modules = [part for part in nlp.components.values() if isinstance(part, torch.nn.Module)]
        for module in modules:
            module.eval()
        seconds = time.monotonic() - self.begin
        bits = bits_a_letter(nlp, self.texts)
        text = nlp.generate(self.prompt, most=200, temperature=0.7, seed=1).text
        print(f"\n{title}, {seconds:.0f} s, {bits:.3f} bits a letter, perplexity {2**bits:.2f}")
        print(f"{self.prompt}{text}", flush=True)
        for module in modules:
            module.train()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recipe", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 300, 500, 2_000])
    parser.add_argument("--prompt", default="Князь Андрей ")
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe, options.changes)
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.settings.seed)
    torch.set_num_threads(recipe.settings.threads or torch.get_num_threads())
    trainer = Trainer(recipe, prepare(recipe), options.output, "auto")
    tokenize = trainer.pipeline.tokenize
    texts = [doc.text for doc in read_text(options.dev, tokenize=tokenize, unit="paragraph")]
    samples = Samples(trainer, options.steps, texts, options.prompt)
    hooks.add(samples)
    trainer.run(show=True)
    samples.show("end")
    assert math.isfinite(bits_a_letter(trainer.pipeline, texts[:1]))


if __name__ == "__main__":
    main()
