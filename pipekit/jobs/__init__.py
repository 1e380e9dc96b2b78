"""Jobs over whole corpora, which survive: records from files, through a pipeline, into a file that a journal keeps whole.

    from pipekit.jobs import Job, Source, Target, annotate
    annotate(Job(lambda: pipekit.load("ru_core"), [Source.of("news.jsonl.gz")], Target.of("out.jsonl"), begin="resume"))
"""

from pipekit.jobs.job import TOO_MANY, Begin, Job, Limits, Report, annotate
from pipekit.jobs.reading import Reading, Shard
from pipekit.jobs.source import Source
from pipekit.jobs.writing import Target

__all__ = ["TOO_MANY", "Begin", "Job", "Limits", "Reading", "Report", "Shard", "Source", "Target", "annotate"]
