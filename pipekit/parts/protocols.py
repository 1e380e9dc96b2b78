"""The contracts of parts that need no network: components by rules, tokenizers, readers.

A class or function of a plugin fits such a contract by its shape; nothing needs to be inherited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pipekit.doc import Doc
    from pipekit.parts.batch import Batch


@runtime_checkable
class Component(Protocol):
    """A component reads the layers it `requires`, and writes the layers it `assigns`.

    Both hold names of token columns ("pos"), names of layers ("ents"), or "sents". A plugin needs
    no more than this protocol, and no torch:

        class Shouting:
            requires = ()
            assigns = ("shouting",)

            def __call__(self, batch: Batch) -> None:
                for doc in batch.docs:
                    ...
    """

    requires: Sequence[str]
    assigns: Sequence[str]

    def __call__(self, batch: Batch) -> None:
        """Write to every document of the batch; return nothing."""


class Segments(NamedTuple):
    """The tokens of a text.

    Attributes:
        starts: where each token begins, int32[tokens].
        ends: where each token ends, int32[tokens].
        sentence_starts: whether each token begins a sentence, bool[tokens].
    """

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    sentence_starts: NDArray[np.bool_]


@runtime_checkable
class Tokenizer(Protocol):
    """A tokenizer cuts texts into tokens and sentences.

    Tokens ascend, and hold all characters but white space, so that tokens and gaps give the text
    back.

        class Words:
            def segment(self, texts):
                segments = []
                for text in texts:
                    spans = [match.span() for match in re.finditer(r"\\A\\s+|\\S+", text)]
                    borders = np.array(spans, dtype=np.int32).reshape(-1, 2)
                    is_first = np.arange(len(spans)) == 0
                    segments.append(Segments(borders[:, 0], borders[:, 1], is_first))
                return segments
    """

    def segment(self, texts: Sequence[str]) -> Sequence[Segments]:
        """The tokens of each text, in the order of the texts."""


@runtime_checkable
class Reader(Protocol):
    """A reader yields the Docs of a corpus, with their gold layers.

    The arguments besides `path` are the options of `[[train]]` and `[[dev]]` in a recipe. A reader
    whose texts have no tokens has an argument `tokenize`, which makes Docs of texts.

        def read_lines(path, *, tokenize, skip: int = 0):
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            yield from tokenize(lines[skip:])

    Errors: a reader raises `DataError` with file, line and reason for what it cannot read.
    """

    def __call__(
        self,
        path: Path,
        **options: Any,
    ) -> Iterable[Doc]:
        """The documents of a file, a folder or an archive."""
