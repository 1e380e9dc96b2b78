"""What an output is made of: inputs, pipeline and settings, as flat mappings for the journal.

An output that one pipeline began cannot be finished by another. So a job describes what it is made
of, and names each difference from what the journal says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pipekit import registry
from pipekit.jobs.beginnings import Beginning
from pipekit.jobs.formats import check_selection
from pipekit.jobs.inputs import DOC_FORMATS
from pipekit.jobs.job import Job
from pipekit.jobs.records import Source, readable
from pipekit.pipeline import Pipeline
from pipekit.pipeline.saving import pipeline_fingerprint
from pipekit.pipeline.streams import CHUNK_WORDS
from pipekit.registry import Supplier
from pipekit.storage.origins import Description, identity

# -- inputs


def describe_inputs(sources: Sequence[Source]) -> Description:
    """The identity of each input: format, size, time of the last change, SHA-256 of both edges."""
    description: Description = {}
    for number, source in enumerate(sources):
        name = f"{number} {source.path.name}"
        description[name] = [source.format, *_identity(source)]
    return description


def _identity(source: Source) -> list[Any]:
    """Size, time of the last change, and hash; nothing is known of standard input."""
    if source.is_stdin:
        return []
    with readable(source):
        return identity(source.path)


def beginnings_read(
    sources: Sequence[Source],
    before: Sequence[Beginning],
    number: int,
    size: int,
) -> list[Beginning]:
    """What was read of the inputs: of those before input `number` all, of that one `size` bytes.

    Args:
        before: what had been read at the last commit.

    Errors: `DataError`.
    """
    beginnings = list(before)
    for index, source in enumerate(sources[: number + 1]):
        if index >= len(beginnings):
            beginnings.append(Beginning())
        if index < len(before) - 1 or source.is_stdin:
            continue  # it was read to its end, or cannot be read again
        end = size if index == number else source.size or 0
        with readable(source):
            beginnings[index] = beginnings[index].grown(source.path, end)
    return beginnings


# -- pipeline


def describe_pipeline(nlp: Pipeline) -> Description:
    """Name and version, the versions of the packages of its parts, precision, and a hash."""
    description: Description = {
        "name": nlp.meta.get("name"),
        "version": nlp.meta.get("version"),
    }
    for supplier in _suppliers(nlp):
        description[f"{supplier.package} (its version)"] = supplier.version
    description["precision"] = nlp.precision
    description["contents"] = pipeline_fingerprint(nlp)
    return description


def _suppliers(nlp: Pipeline) -> list[Supplier]:
    """The packages of the tokenizer, the encoders and the components."""
    tokenizer = nlp.tokenizer_config["type"]
    suppliers = [registry.tokenizers.supplier(tokenizer)]
    for kind, parts in nlp.configs.items():
        for part in parts.values():
            supplier = registry.BY_KIND[kind].supplier(part["type"])
            suppliers.append(supplier)
    return suppliers


# -- settings


def describe_settings(
    job: Job,
    nlp: Pipeline,
) -> Description:
    """The options of the command line on which the bytes of the output depend.

    Errors: `ConfigError` for an annotation to write that nothing writes.
    """
    reading = job.reading
    shard = reading.shard
    description: Description = {
        "--text": reading.text,
        "--unit": reading.unit,
        "--max-record": reading.max_record,
        "--shard": f"{shard.part}/{shard.of}",
        "--to": job.output.format,
        "--only": sorted(_selection(job, nlp)),
        "--batch-words": int(job.options.get("batch_words", CHUNK_WORDS)),
        "--device": _device_types(job, nlp),
    }
    if reading.encoding is not None:
        description["--encoding"] = reading.encoding
    if reading.delimiter is not None:
        description["--delimiter"] = reading.delimiter
    return description


def _selection(
    job: Job,
    nlp: Pipeline,
) -> Collection[str]:
    """What is written; it is checked unless inputs may bring any layer."""
    names = job.output.only
    if any(source.format in DOC_FORMATS for source in job.inputs):
        return names
    return check_selection(names, _layers_written(nlp))


def _layers_written(nlp: Pipeline) -> set[str]:
    """The layers and columns that a pipeline writes, or that its documents must bring."""
    names = set(nlp.given)
    names.update(getattr(nlp.tokenizer, "assigns", ()))
    for component in nlp.components.values():
        names.update(component.assigns)
    return names


def _device_types(
    job: Job,
    nlp: Pipeline,
) -> str:
    """On these, scores depend in their last digit, but not on the number of devices."""
    types = set()
    for name in job.options.get("devices") or [nlp.device_name]:
        type, _, _ = str(name).partition(":")
        types.add(type)
    return " ".join(sorted(types))
