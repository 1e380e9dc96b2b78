"""`pipekit apply PIPELINE IN… -o OUT`: annotate a corpus, JSONL or text files into JSONL."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from pipekit.cli.options import pipeline_options
from pipekit.doc import clean
from pipekit.errors import ConfigError, DataError
from pipekit.pipeline import ON_ERROR


def add(parser: argparse.ArgumentParser) -> None:
    pipeline_options(parser)
    wanted = (
        (("inputs",), {"nargs": "+", "type": Path, "metavar": "IN", "help": ".jsonl with a text in each object, or .txt, a text a line"}),
        (("-o", "--output"), {"required": True, "metavar": "OUT", "help": "a .jsonl file, - for standard output, or a folder"}),
        (("--text-field",), {"default": "text", "metavar": "FIELD", "help": "the field that holds the text; all others are kept"}),
        (("--on-error",), {"choices": ON_ERROR, "default": "raise", "help": "what to do with a line that cannot be annotated"}),
    )
    for names, options in wanted:
        parser.add_argument(*names, **options)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    from pipekit.loading import load

    nlp = load(given.pipeline, device=given.device, exclude=given.exclude)
    failed = 0
    for inputs, output in _jobs(given.inputs, given.output):
        _refuse_loss(given.inputs, output)
        lines = (pair for path in inputs for pair in records(path, given.text_field))
        docs = nlp.pipe(lines, as_tuples=True, on_error=given.on_error, progress=True)
        with nullcontext(sys.stdout) if output is None else output.open("w", encoding="utf-8", newline="\n") as file:
            failed += _write(docs, file)
    if failed:
        print(f"pipekit apply: {failed} lines could not be annotated; their reason is in the field error", file=sys.stderr)
    return 0


def _jobs(inputs: list[Path], output: str) -> Iterator[tuple[list[Path], Path | None]]:
    if output == "-":
        yield inputs, None
        return
    target = Path(output)
    if target.suffix == ".jsonl":
        target.parent.mkdir(parents=True, exist_ok=True)
        yield inputs, target
        return
    if len({path.stem for path in inputs}) < len(inputs):
        raise ConfigError("two of the inputs have the same name: give one .jsonl file as output")
    target.mkdir(parents=True, exist_ok=True)
    for path in inputs:
        yield [path], target / f"{path.stem}.jsonl"


def _refuse_loss(inputs: list[Path], output: Path | None) -> None:
    for path in inputs:
        if output is not None and output.exists() and path.exists() and output.samefile(path):
            raise ConfigError(f"{output} is among the inputs, and would be lost: choose another output")


def records(path: Path, field: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(text, all fields) of each line. Errors: `DataError` naming file, line and reason."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if path.suffix == ".txt":
                    yield line.rstrip("\r\n"), {}
                elif line.strip():
                    record = _record(line, field, f"{path}:{number}")
                    yield record[field], record
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 ({error.reason}): convert it, for instance by iconv -f cp1251 -t utf-8") from error


def _record(line: str, field: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get(field), str):
        fields = ", ".join(record) if isinstance(record, dict) else f"not an object but {type(record).__name__}"
        raise DataError(f"{where}: has no text in the field {field!r} (--text-field names another); it has: {fields}")
    return record


def _write(docs: Any, file: IO[str]) -> int:
    failed = 0
    for doc, record in docs:
        failed += doc.error is not None
        annotations = doc.to_dict() if doc.error is None else {"error": doc.error}
        file.write(clean(json.dumps({**record, **annotations}, ensure_ascii=False)) + "\n")
    return failed
