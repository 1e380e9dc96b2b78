"""Texts into tokens and sentences. Nothing here knows of Docs, and nothing needs torch."""

from pipekit.tokenizers.rules import RuleTokenizer, Segments, WhitespaceTokenizer

__all__ = ["RuleTokenizer", "Segments", "WhitespaceTokenizer"]
