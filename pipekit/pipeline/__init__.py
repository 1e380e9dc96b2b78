"""Pipelines: parts in order, documents through them, files of them, worker processes."""

from pipekit.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]
