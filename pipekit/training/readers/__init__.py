"""Readers of corpora: each gives Docs one by one, from a file, a compressed file, a folder or a zip archive."""

from pipekit.training.readers.brat import read_brat
from pipekit.training.readers.conllu import read_conllu
from pipekit.training.readers.conllu_writer import write_conllu
from pipekit.training.readers.factrueval import read_factrueval
from pipekit.training.readers.files import Problem
from pipekit.training.readers.iob import read_iob
from pipekit.training.readers.jsonl import read_jsonl
from pipekit.training.readers.text import read_text

__all__ = ["Problem", "read_brat", "read_conllu", "read_factrueval", "read_iob", "read_jsonl", "read_text", "write_conllu"]
