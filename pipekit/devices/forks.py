"""The one thing that pipekit changes in the process that uses it: how many threads a fork has."""

from __future__ import annotations

import os
from functools import cache, partial


@cache
def one_thread_after_fork() -> None:
    """Let a forked process compute with one thread.

    It has none of the threads of its parent, and OpenMP would wait for them for ever. A pipeline
    that builds a network calls this; importing pipekit changes nothing.
    """
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
