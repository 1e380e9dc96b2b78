"""Documents: text, tokens, layers of annotation, and how they become data. numpy only."""

from pipekit.doc.doc import Doc
from pipekit.doc.layer import Layer
from pipekit.doc.values import Morph
from pipekit.doc.views import Relation, Span, Token

__all__ = ["Doc", "Layer", "Morph", "Relation", "Span", "Token"]
