"""Docs as tables of pandas, polars and Arrow, and back; see `to_arrow`.

from pipekit import frames

frames.to_pandas(docs, "spans").groupby("label").text.value_counts()
tables = {rows: frames.to_polars(docs, rows) for rows in frames.ROWS}
docs = frames.to_docs(**tables)
"""

from pipekit.frames.back import to_docs
from pipekit.frames.tables import ROWS, to_arrow, to_pandas, to_polars

__all__ = ["ROWS", "to_arrow", "to_docs", "to_pandas", "to_polars"]
