"""«Война и мир» out of the prose of ${PIPEKIT_DATA}/text, in pieces of some paragraphs.

    python recipes/generation/book.py build/book.txt build/book-dev.txt

Volumes 1, 3 and 4, without notes. An empty line stands between two pieces; every twentieth piece
measures.
"""

from __future__ import annotations

import argparse
import html
import lzma
import os
import re
from collections.abc import Iterator
from pathlib import Path

FIRST = re.compile(r"Война и мир\. Том \d$")
LAST = ("Примечания", "Комментарии")
LETTERS = 2_000  # of a piece, about


def paragraphs(folder: Path) -> Iterator[str]:
    """The paragraphs of the book."""
    is_inside = False
    for path in sorted(folder.glob("ru_fiction-0*.txt.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = " ".join(html.unescape(line).split())
                if FIRST.match(text):
                    is_inside = True
                elif text in LAST:
                    is_inside = False
                elif is_inside and text:
                    yield re.sub(r"\[\d+\]", "", text)


def pieces(texts: Iterator[str]) -> Iterator[str]:
    """Paragraphs together, about `LETTERS` long."""
    piece: list[str] = []
    for text in texts:
        piece.append(text)
        if sum(map(len, piece)) >= LETTERS:
            yield "\n".join(piece)
            piece = []
    if piece:
        yield "\n".join(piece)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("dev", type=Path)
    options = parser.parse_args()
    book = list(pieces(paragraphs(Path(os.environ["PIPEKIT_DATA"]) / "text")))
    dev = book[::20]
    train = [piece for number, piece in enumerate(book) if number % 20]
    for path, own in ((options.train, train), (options.dev, dev)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(own) + "\n", encoding="utf-8")
        letters = sum(map(len, own))
        print(f"{path}: {len(own):,} pieces, {letters:,} letters")


if __name__ == "__main__":
    main()
