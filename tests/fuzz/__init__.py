"""Fuzzing: bytes and texts that nobody meant to send, by the million.

    python -m tests.fuzz                             the targets
    python -m tests.fuzz conllu --seconds 600        one of them; needs the extra "audit" (atheris)
    pytest tests/fuzz                                the corpus alone, without atheris

A target calls what it is for with bytes, and raises where a promise is broken: only errors of
pipekit's own may escape, and what was read is read again as it was written. The harness adds the
limits: a second for each megabyte begun, and 16 times the size of the input and 16 MB of memory.

`corpus/TARGET/` holds inputs to begin with, and each input that has ever broken a promise. What a
run finds goes to `runs/fuzz/TARGET/`; once it is mended, it moves to the corpus.
"""
