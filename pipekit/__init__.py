"""pipekit: plugin-based NLP pipelines on torch, Russian first.

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

from pipekit.doc import Doc
from pipekit.errors import PipekitError, PipekitWarning
from pipekit.layer import Layer
from pipekit.views import Morph, Relation, Span, Token

if TYPE_CHECKING:
    from pipekit.batching import Batch
    from pipekit.docfile import read_docs, write_docs
    from pipekit.hooks import hookimpl
    from pipekit.importing import import_bert
    from pipekit.loading import blank, from_bytes, load
    from pipekit.pipeline import Pipeline

__all__ = [
    "Batch",
    "Doc",
    "Layer",
    "Morph",
    "PipekitError",
    "PipekitWarning",
    "Pipeline",
    "Relation",
    "Span",
    "Token",
    "__version__",
    "blank",
    "from_bytes",
    "hookimpl",
    "import_bert",
    "load",
    "read_docs",
    "write_docs",
]

__version__ = "0.3.0"

# Found on first use: `import pipekit` stays quick, and torch is imported when a network is.
_LATER = {
    "Batch": "pipekit.batching",
    "Pipeline": "pipekit.pipeline",
    "blank": "pipekit.loading",
    "from_bytes": "pipekit.loading",
    "hookimpl": "pipekit.hooks",
    "import_bert": "pipekit.importing",
    "load": "pipekit.loading",
    "read_docs": "pipekit.docfile",
    "write_docs": "pipekit.docfile",
}

logging.getLogger("pipekit").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'pipekit' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
