"""All targets by name."""

from __future__ import annotations

from fuzz import configs, corpora, jobs, storage, texts
from fuzz.harness import Target

TARGETS: dict[str, Target] = {
    **storage.TARGETS,
    **corpora.TARGETS,
    **jobs.TARGETS,
    **configs.TARGETS,
    **texts.TARGETS,
}
