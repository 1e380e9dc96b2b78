"""Names of people and where they are, counted by DuckDB over the Parquet of `pipekit apply`.

    python recipes/tables/query.py [--docs 300] [--pipeline ru_core]

Texts are those of Collection5. The same questions are asked of the tables of `pipekit.frames`,
which DuckDB reads out of memory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

import pipekit
from pipekit import frames

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PIPEKIT_DATA", ROOT.parent / "shared" / "data"))
PEOPLE = """
select ent.text as name, count(*) as times, round(avg(ent.score), 2) as score
from (select unnest(ents) as ent from '{file}')
where ent.label = 'PER' group by all order by times desc, name limit 5
"""
TOGETHER = """
with ents as (select id, unnest(ents) as ent from '{file}')
select a.ent.text as person, b.ent.text as organisation, count(distinct a.id) as texts
from ents a join ents b using (id)
where a.ent.label = 'PER' and b.ent.label = 'ORG'
group by all order by texts desc, person, organisation limit 5
"""
LEMMAS = """
select lemma, count(*) as times from tokens
where pos = 'VERB' group by all order by times desc, lemma limit 5
"""


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--docs", type=int, default=300)
    arguments.add_argument("--pipeline", default="ru_core")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.jsonl"
        annotated = Path(folder) / "annotated.parquet"
        with gzip.open(DATA / "ner" / "collection5-dev.jsonl.gz", "rt", encoding="utf-8") as lines:
            head = [line for line, _ in zip(lines, range(options.docs), strict=False)]
        texts.write_text("".join(head), encoding="utf-8")
        command = [sys.executable, "-m", "pipekit", "apply", options.pipeline, str(texts)]
        subprocess.run([*command, "-o", str(annotated), "--only", "ents"], check=True)
        for question in (PEOPLE, TOGETHER):
            print(question.strip().replace("{file}", annotated.name), flush=True)
            print(duckdb.sql(question.format(file=annotated)), flush=True)
        nlp = pipekit.load(options.pipeline)
        with texts.open(encoding="utf-8") as lines:
            beginnings = [json.loads(line)["text"][:500] for line in lines]
        tokens = frames.to_arrow(nlp.pipe(beginnings))
        print(LEMMAS.strip(), f"-- tokens: pyarrow.Table, {tokens.num_rows} rows", sep="\n")
        print(duckdb.sql(LEMMAS))


if __name__ == "__main__":
    main()
