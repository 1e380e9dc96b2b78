"""Arguments that several verbs share."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipekit.errors import DataError

if TYPE_CHECKING:
    from pipekit.doc import Doc
    from pipekit.pipeline import Pipeline


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


def json_option(parser: argparse.ArgumentParser) -> None:
    """Figures as JSON; `print_json` prints them."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(data: Any) -> None:
    """Plain data as one line of JSON; numbers that are none, NaN, become null."""
    print(json.dumps(_finite(data), ensure_ascii=False, allow_nan=False, default=str))


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return list(map(_finite, data))
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def token_options(parser: argparse.ArgumentParser) -> None:
    """What of annotated files the pipeline is given."""
    parser.add_argument(
        "--gold-tokens",
        action="store_true",
        help="give the pipeline the tokens and sentences of the files",
    )
    parser.add_argument(
        "--gold",
        nargs="+",
        default=[],
        metavar="LAYER",
        help="give the pipeline these layers of the files, and their tokens",
    )
    parser.add_argument(
        "--block",
        type=int,
        default=1,
        metavar="N",
        help="how many sentences of CoNLL-U make a document (default: 1)",
    )


def read_gold(
    options: argparse.Namespace,
    path: Path,
    tokenize: Any,
) -> list[Doc]:
    """The documents of a file by `corpus_options` and `token_options`."""
    from pipekit.corpora.sources import read_corpus

    reading = {"group": options.block} if options.block > 1 else {}
    return list(read_corpus(path, options.format, tokenize, **reading))


def read_all_gold(
    options: argparse.Namespace,
    tokenize: Any,
) -> list[Doc]:
    """The documents of all files, see `read_gold`."""
    return [doc for path in options.files for doc in read_gold(options, path, tokenize)]


def gives_gold_tokens(
    options: argparse.Namespace,
    *pipelines: Pipeline,
) -> bool:
    """Whether pipelines get the tokens of the files, because they are asked to or need to."""
    return options.gold_tokens or bool(options.gold) or any(nlp.given for nlp in pipelines)


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


def print_training(
    nlp: Pipeline,
    result: Path,
    log: Path,
) -> None:
    """Print JSON: where the result of a training is, and the rows of its log."""
    lines = log.read_text(encoding="utf-8").splitlines()
    print_json(
        {
            "pipeline": str(result),
            "components": nlp.pipe_names,
            "log": [json.loads(line) for line in lines],
        }
    )


def training_folder(options: argparse.Namespace) -> Path:
    """The folder of a training; by default, it has the name of the recipe."""
    if options.output:
        return Path(options.output)
    name: str = options.recipe.stem
    return Path("runs") / name
