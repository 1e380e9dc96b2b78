"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipekit.errors import DataError


def pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Which pipeline, without which components, on which device."""
    parser.add_argument(
        "pipeline", metavar="PIPELINE", help="an installed name, a file, or a folder"
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda, cuda:0, … or auto (the default)"
    )
    parser.add_argument(
        "--exclude",
        nargs="+",
        default=[],
        metavar="COMPONENT",
        help="components to leave out",
    )


def precision_option(parser: argparse.ArgumentParser) -> None:
    """In which precision the networks compute."""
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help="float32, bfloat16, int8 or auto (the default)",
    )


def corpus_options(parser: argparse.ArgumentParser) -> None:
    """Which annotated files, in which format."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="CoNLL-U, JSONL, IOB, brat; .gz and .xz too",
    )
    parser.add_argument(
        "--format", metavar="NAME", help="the format of the files (default: by their suffix)"
    )


def text_options(parser: argparse.ArgumentParser) -> None:
    """Which text; `read_text_option` reads it."""
    parser.add_argument(
        "text",
        nargs="?",
        metavar="TEXT",
        help="the text (default: that of --file, or of standard input)",
    )
    parser.add_argument(
        "--file",
        type=Path,
        metavar="FILE",
        help="a text file, UTF-8",
    )


def read_text_option(options: argparse.Namespace) -> str:
    """The text of the arguments, of a file, or of standard input.

    Errors: `DataError` naming the file, and the first byte that is no UTF-8.
    """
    if options.text not in (None, "-"):
        return str(options.text)
    name = str(options.file) if options.file else "standard input"
    try:
        data = options.file.read_bytes() if options.file else sys.stdin.buffer.read()
        text: str = data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name}: byte {error.start} is no UTF-8: "
            f"convert the file, for instance by iconv -f cp1251 -t utf-8"
        ) from error
    return text.replace("\r\n", "\n")


def training_options(
    parser: argparse.ArgumentParser,
    example: str,
) -> None:
    """Which recipe, with which changes, on which device, into which folder.

    Args:
        example: a change of a setting, for the help: "training.epochs=3".
    """
    parser.add_argument(
        "recipe",
        type=Path,
        metavar="RECIPE",
        help="a .toml file",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where the result goes (default: runs/NAME OF RECIPE)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the folder"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the training that is in the folder"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"change a setting of the recipe, for instance --set {example}",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, … or auto (the default)")


def training_folder(options: argparse.Namespace) -> Path:
    """The folder of a training; by default, it has the name of the recipe."""
    if options.output:
        return Path(options.output)
    name: str = options.recipe.stem
    return Path("runs") / name
