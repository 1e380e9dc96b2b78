"""Jobs over whole corpora, which survive: records from files, through a pipeline, into a file that a journal keeps whole.

from pipekit.jobs import Job, Source, Target, annotate
annotate(Job(lambda: pipekit.load("ru_core"), [Source.of("news.jsonl.gz")], Target.of("out.jsonl"), begin="resume"))
"""

from pipekit.jobs.inputs import Reading, Shard
from pipekit.jobs.job import TOO_MANY, Begin, Job, Limits, Report, annotate
from pipekit.jobs.outputs import Target
from pipekit.jobs.records import Source

__all__ = [
    "TOO_MANY",
    "Begin",
    "Job",
    "Limits",
    "Reading",
    "Report",
    "Shard",
    "Source",
    "Target",
    "annotate",
]
