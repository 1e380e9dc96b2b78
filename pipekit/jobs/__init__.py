"""Jobs over whole corpora, which survive: a job that is killed goes on where it stopped.

Records of files go through a pipeline into a file; a journal beside it says how far the job is.

    from pipekit.jobs import Job, Source, Target, annotate

    inputs = [Source.of("news.jsonl.gz")]
    output = Target.of("out.jsonl")
    annotate(Job(lambda: pipekit.load("ru_core"), inputs, output, begin="resume"))
"""

from pipekit.jobs.annotating import annotate
from pipekit.jobs.identity import refuse_conflicts
from pipekit.jobs.job import TOO_MANY, Begin, Job, Limits, Report
from pipekit.jobs.outputs import Target
from pipekit.jobs.reading import Reading, Shard
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
    "refuse_conflicts",
]
