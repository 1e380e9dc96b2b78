"""Texts into tokens and sentences. Nothing here knows of Docs, and nothing needs torch."""

from pipekit.parts.protocols import Segments
from pipekit.tokenizers.rules import RuleTokenizer, WhitespaceTokenizer

__all__ = ["RuleTokenizer", "Segments", "WhitespaceTokenizer"]
