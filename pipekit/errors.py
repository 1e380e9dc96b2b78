"""What can go wrong, as one tree: catch `PipekitError` for everything that pipekit itself raises.

    PipekitError
    ├── ConfigError              settings: which part, which key, what it takes
    │   └── UnknownNameError     no component, encoder, … of that name (near names are suggested)
    │       └── UnknownComponentError
    ├── PluginError              an installed package: its name, its entry point, the cure
    │   ├── PluginImportError    it does not import
    │   ├── PluginConflictError  two packages bring one name
    │   ├── PluginMissingError   a saved pipeline needs a package that is not installed
    │   └── PluginContractError  it did something a component may not do
    ├── PipekitFormatError       bytes that are not what they should be: file, place, reason
    │   └── CorruptModelError    a pipeline file that is truncated or altered
    ├── DataError                a corpus: file, line, reason
    ├── DocError                 a request that a document cannot answer
    │   ├── AlignmentError       offsets that do not fall on token borders
    │   └── DocTooLargeError     more than an offset can count
    ├── ProcessingError          a component failed on a document: which, where, why
    │   └── OutOfMemoryError     of which no more than a sentence at a time was computed
    ├── DeviceError              a GPU that this process can use no more
    ├── JobStopped               a job over a corpus ended early: why, and how to go on
    └── StoreError               a file could not be written: path, reason, the old copy is intact

`PipekitWarning` is the category of every warning.
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
    """An installed package misbehaves."""


class PluginImportError(PluginError, ImportError):
    """An entry point does not import."""


class PluginConflictError(PluginError):
    """Two packages bring the same name."""


class PluginMissingError(PluginError):
    """A package that a saved pipeline needs is not installed."""


class ProcessingError(PipekitError):
    """A component failed on a document.

    Args:
        message: what failed, on which document, and why.
        document: the position of the document in the stream, from 0.
        component: the name of the component, or "tokenizer".
    """

    def __init__(
        self, message: str, *, document: int | None = None, component: str | None = None
    ) -> None:
        super().__init__(message)
        self.document = document
        self.component = component


class OutOfMemoryError(ProcessingError):
    """Memory ran out on a document, though it was alone and cut between its sentences."""


class DeviceError(PipekitError):
    """The device failed in a way after which the process cannot use it any more."""


class PluginContractError(PluginError, ProcessingError):
    """A component broke the rules of the pipeline."""


class PipekitFormatError(PipekitError, ValueError):
    """Bytes that cannot be what they claim."""


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
    """A job over a corpus ended before its inputs did; all that it committed is kept.

    Args:
        message: why, and how to go on.
        code: the exit code of the process: 3 for too many errors, 128 and the number of a signal.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class StoreError(PipekitError, OSError):
    """A file could not be written; what stood there before is intact."""


class PipekitWarning(UserWarning):
    """The category of pipekit's warnings."""


def near(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, and all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f"{meant} Known: {', '.join(names) or 'none'}."
