"""Readers of corpora: each yields Docs one by one from a file, a folder or a zip archive.

Files may be compressed (.gz, .xz, .bz2).
"""

from pipekit.corpora.readers.brat import read_brat
from pipekit.corpora.readers.conllu import read_conllu
from pipekit.corpora.readers.conllu_writer import write_conllu
from pipekit.corpora.readers.factrueval import read_factrueval
from pipekit.corpora.readers.files import Problem
from pipekit.corpora.readers.iob import read_iob
from pipekit.corpora.readers.jsonl import read_jsonl
from pipekit.corpora.readers.text import read_text

__all__ = [
    "Problem",
    "read_brat",
    "read_conllu",
    "read_factrueval",
    "read_iob",
    "read_jsonl",
    "read_text",
    "write_conllu",
]
