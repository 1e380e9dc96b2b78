"""pipekit: plugin-based NLP pipelines on torch, Russian first.

A pipeline turns a text into a `Doc`, which has tokens and their annotations.

    import pipekit

    nlp = pipekit.load("ru_core")
    doc = nlp("Мама мыла раму.")
    for token in doc:
        print(token.text, token.pos, token.morph, token.lemma)
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from pipekit.builtin import RELEASE
from pipekit.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.values import Morph
from pipekit.doc.views import Relation, Span, Token
from pipekit.errors import PipekitError, PipekitWarning

if TYPE_CHECKING:
    from pipekit.doc.attributes import Attr
    from pipekit.doc.file import read_docs, write_docs
    from pipekit.doc.pictures import render
    from pipekit.encoders.sequence import SequenceEncoder
    from pipekit.evaluation.evaluate import evaluate
    from pipekit.parts.batch import Batch
    from pipekit.parts.contracts import Encoder, EncoderRef, Head, Prepared
    from pipekit.parts.protocols import Component, Reader, Segments, Tokenizer
    from pipekit.pipeline import Pipeline
    from pipekit.pipeline.hooks import hookimpl
    from pipekit.pipeline.importing import import_bert, import_model
    from pipekit.pipeline.loading import blank, from_bytes, load
    from pipekit.training.loop import train

__all__ = [
    "Attr",
    "Batch",
    "Component",
    "Doc",
    "Encoder",
    "EncoderRef",
    "Head",
    "Layer",
    "Morph",
    "PipekitError",
    "PipekitWarning",
    "Pipeline",
    "Prepared",
    "Reader",
    "Relation",
    "Segments",
    "SequenceEncoder",
    "Span",
    "Token",
    "Tokenizer",
    "__version__",
    "blank",
    "evaluate",
    "from_bytes",
    "hookimpl",
    "import_bert",
    "import_model",
    "load",
    "read_docs",
    "render",
    "train",
    "write_docs",
]

__version__ = RELEASE

# Imported on first use, so that `import pipekit` stays quick and needs no torch.
_LATER = {
    "Attr": "pipekit.doc.attributes",
    "Batch": "pipekit.parts.batch",
    "Component": "pipekit.parts.protocols",
    "Encoder": "pipekit.parts.contracts",
    "EncoderRef": "pipekit.parts.contracts",
    "Head": "pipekit.parts.contracts",
    "Pipeline": "pipekit.pipeline.pipeline",
    "Prepared": "pipekit.parts.contracts",
    "Reader": "pipekit.parts.protocols",
    "Segments": "pipekit.parts.protocols",
    "SequenceEncoder": "pipekit.encoders.sequence",
    "Tokenizer": "pipekit.parts.protocols",
    "blank": "pipekit.pipeline.loading",
    "evaluate": "pipekit.evaluation.evaluate",
    "from_bytes": "pipekit.pipeline.loading",
    "hookimpl": "pipekit.pipeline.hooks",
    "import_bert": "pipekit.pipeline.importing",
    "import_model": "pipekit.pipeline.importing",
    "load": "pipekit.pipeline.loading",
    "read_docs": "pipekit.doc.file",
    "render": "pipekit.doc.pictures",
    "train": "pipekit.training.loop",
    "write_docs": "pipekit.doc.file",
}
# Modules that may be named without an import of their own: `pipekit.devices.keep_memory()`.
_MODULES = (
    "attention",
    "devices",
    "errors",
    "frames",
    "jobs",
    "registry",
    "resources",
    "testing",
)

logging.getLogger("pipekit").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"pipekit.{name}")
    if name not in _LATER:
        from pipekit.errors import near
        from pipekit.habits import called_here

        cure = called_here("pipekit", name)
        if cure is not None:
            raise AttributeError(f"module 'pipekit' has no {name!r}. In pipekit: {cure}")
        similar = near(name, __all__)
        raise AttributeError(f"module 'pipekit' has no attribute {name!r}.{similar}")
    return getattr(importlib.import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
