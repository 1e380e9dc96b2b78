"""The tree of exceptions. `PipekitError` catches everything that pipekit itself raises.

    PipekitError
    ├── ConfigError              settings that do not fit: which part, which key, what it takes
    │   └── UnknownNameError     no component, encoder, … of that name (near names are suggested)
    │       └── UnknownComponentError
    ├── PluginError              a package from outside: its name, its entry point, the cure
    │   ├── PluginImportError    the package does not import
    │   ├── PluginConflictError  two packages bring one name
    │   ├── PluginMissingError   a saved pipeline needs a package that is not installed
    │   ├── PluginVersionError   the package is made for another version of pipekit
    │   └── PluginContractError  its component did something that components may not do
    ├── PipekitFormatError       bytes that are not what they should be: file, place, reason
    │   └── CorruptModelError    a pipeline file that is truncated or altered
    ├── DataError                a corpus: file, line, reason
    ├── DocError                 a request that a document cannot answer
    │   ├── AlignmentError       offsets that do not fall on token borders
    │   └── DocTooLargeError     more than an offset can count
    ├── ProcessingError          a component failed on a document: which, where, why
    │   └── OutOfMemoryError     memory ran out, even for one sentence at a time
    ├── DeviceError              a GPU that this process cannot use any more
    ├── JobStopped               a job over a corpus ended early: why, and how to go on
    └── StoreError               a file could not be written: path, reason; the old file is intact

`PipekitWarning` is the category of every warning, `PipekitDeprecationWarning` that of names that go
away.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PipekitError(Exception):
    """The root of the tree."""


class ConfigError(PipekitError, ValueError):
    """Settings that do not fit."""


class UnknownNameError(ConfigError):
    """A name that no registry knows."""


class UnknownComponentError(UnknownNameError):
    """A component name that no registry knows."""


class PluginError(PipekitError):
    """A package that extends pipekit misbehaves or is missing."""


class PluginImportError(PluginError, ImportError):
    """An entry point does not import."""


class PluginConflictError(PluginError):
    """Two packages bring the same name."""


class PluginMissingError(PluginError):
    """A package that a saved pipeline needs is not installed."""


class PluginVersionError(PluginError):
    """A package requires another version of pipekit than the installed one."""


class ProcessingError(PipekitError):
    """A component failed on a document.

    Args:
        message: what failed, on which document, and why.
        document: the position of the document in the stream, from 0.
        component: the name of the component, or "tokenizer".
    """

    def __init__(
        self,
        message: str,
        *,
        document: int | None = None,
        component: str | None = None,
    ) -> None:
        super().__init__(message)
        self.document = document
        self.component = component


class OutOfMemoryError(ProcessingError):
    """Memory ran out on one document alone, even when its sentences were computed apart."""


class DeviceError(PipekitError):
    """The device failed, and the process cannot use it any more."""


class PluginContractError(PluginError, ProcessingError):
    """A component broke the rules of the pipeline."""


class PipekitFormatError(PipekitError, ValueError):
    """Bytes that are not in the format that they claim."""


class CorruptModelError(PipekitFormatError):
    """A pipeline file that is truncated, altered or no pipeline file."""


class DataError(PipekitError, ValueError):
    """A corpus file that cannot be read as asked."""


class DocError(PipekitError, ValueError):
    """A request that a document cannot answer."""


class AlignmentError(DocError):
    """Offsets that do not fall on token borders."""


class DocTooLargeError(DocError):
    """More characters than an int32 offset can count."""


class JobStopped(PipekitError):
    """A job over a corpus ended before its inputs did; its committed output stays valid.

    Args:
        message: why, and how to go on.
        code: the exit code of the process: 3 for too many errors, 128 + the number of a signal.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 1,  # by default, so that pickle can make it of its message
    ) -> None:
        super().__init__(message)
        self.code = code


class StoreError(PipekitError, OSError):
    """A file could not be written; the old file of that name is intact."""


class PipekitWarning(UserWarning):
    """The category of pipekit's warnings."""


class PipekitDeprecationWarning(PipekitWarning, DeprecationWarning):
    """A name that goes away: since which release, in which one, and what to write instead."""


def cure(*packages: str) -> str:
    """The end of a message about packages that are not installed: how to get them.

    The message names packages that pip can find. It never names an extra of pipekit, since pipekit
    stands on no index; extras are for a clone: `pip install ".[parquet]"`.

        cure("pyarrow")         # "pip install pyarrow"
    """
    return f"pip install {' '.join(packages)}"


def near(
    name: str,
    names: Iterable[str],
) -> str:
    """The end of a message about an unknown name.

    It lists all known names, and suggests the nearest one if that is near enough.

        near("taggre", ["tagger", "ner"])       # " Did you mean 'tagger'? Known: ner, tagger."
    """
    ordered = sorted(names)
    listed = ", ".join(ordered) or "none"
    nearest = get_close_matches(name, ordered, n=1, cutoff=0.6)
    if not nearest:
        return f" Known: {listed}."
    return f" Did you mean {nearest[0]!r}? Known: {listed}."
