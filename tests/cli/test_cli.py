"""The command line: what it prints, what it writes, and the code that it ends with.

Modules: cli.apply, cli.attention, cli.benchmark, cli.check, cli.display, cli.evaluate,
    cli.import_model, cli.info, cli.options, cli.package, cli.pieces, cli.pretrain, cli.run,
    cli.subwords, cli.train
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.tiny import FEATURES, TEN, TRAINING, ten

import pipekit
from pipekit.cli import VERBS, main
from pipekit.training.loop import BEST, LAST, LOG

LINES = "\n".join(f"{key} = {json.dumps(value)}" for key, value in TRAINING.items())
RECIPE = f"""
[pipeline]
name = "tiny"
version = "1.2"

[training]
{LINES}

[encoders.main]
type = "gru"
width = 32
features = {{ {", ".join(f"{key} = {value}" for key, value in FEATURES.items())} }}

[components.tagger]
encoder = "main"
hidden = 48

[[train]]
path = {json.dumps(str(TEN))}
format = "conllu"
repeat = 2
"""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pipeline that the command line has trained."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    done = python("train", str(folder / "tiny.toml"), "-o", str(folder / "run"), "--device", "cpu")
    assert done.code == 0, done.err
    assert "<Pipeline tiny: tagger> is in" in done.out
    assert {path.name for path in (folder / "run").iterdir()} == {BEST, LAST, LOG}
    return str(folder / "run" / BEST)


def python(*arguments: str, stdin: bytes = b"") -> Ended:
    """`python -m pipekit` in a process of its own, in a locale that knows ASCII only."""
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONWARNINGS": "error",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pipekit", *arguments],
        input=stdin,
        env=environment,
        capture_output=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process."""

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *capfd.readouterr())

    return call


def lines(path: Path, *records: Any) -> Path:
    path.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records),
        encoding="utf-8",
    )
    return path


def loaded(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# -- the whole


WARNING = """
import sys
import warnings
from pipekit import PipekitWarning, cli
from pipekit.cli import info

def run(options):
    warnings.warn("a.conllu was read with repairs", PipekitWarning)
    warnings.warn("this library is old", DeprecationWarning)
    return 0

sys.modules["pipekit.cli.info"].run = run
warnings.simplefilter("always")
before = warnings.formatwarning
assert cli.main(["info"]) == 0
assert warnings.formatwarning is before
"""


def test_a_warning_is_a_message_and_shows_no_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARNING], capture_output=True, text=True, check=True, timeout=120
    )
    first, second = done.stderr.splitlines()
    assert first == "pipekit: warning: a.conllu was read with repairs"
    assert re.fullmatch(r"pipekit: DeprecationWarning of .*:\d+: this library is old", second)


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "nosuch"),
        ("check", "no.such"),
        ("check", "a.conllu", "--dev", "nosuch"),
        ("evaluate", "MODEL", "nosuch"),
        ("apply", "MODEL", "nosuch", "-o", "out.jsonl"),
    ],
)
def test_a_file_that_is_not_there_is_named_so_whatever_its_suffix(
    run: Run,
    model: str,
    arguments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "a.conllu").write_bytes(TEN.read_bytes())
    monkeypatch.chdir(tmp_path)
    ended = run(*(model if argument == "MODEL" else argument for argument in arguments))
    assert ended.code in (1, 3)
    shown = ended.out + ended.err
    assert re.search(r"no\.?such.*: (no such file|cannot be read: No such file)", shown), shown
    assert "suffix" not in shown
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(run: Run, verb: str) -> None:
    found = run(verb, "--help")
    assert found.code == 0
    assert VERBS[verb] in found.out


@pytest.mark.parametrize(
    "arguments",
    [[], ["nosuch"], ["run"], ["train"], ["apply", "x", "y"], ["run", "x", "--to", "xml", "a"]],
)
def test_wrong_usage_ends_with_two(run: Run, arguments: list[str]) -> None:
    found = run(*arguments)
    assert (found.code, found.out) == (2, "")
    assert "usage: pipekit" in found.err


def test_the_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").out == f"pipekit {pipekit.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nosuch", "а"], "pipekit run: no pipeline is called 'nosuch'"),
        (["run", "no/such.pipekit", "а"], "no such file or folder"),
        (["evaluate", "nosuch", "x.conllu"], "pipekit evaluate: no pipeline"),
        (["train", "nosuch.toml"], "pipekit train: nosuch.toml: cannot be read: No such file"),
        (["train", "data.conllu"], "a recipe is a .toml file"),
        (["check", __file__], "its suffix tells no format"),
    ],
)
def test_what_is_wrong_is_one_line_on_standard_error_and_the_code_is_one(
    run: Run, arguments: list[str], message: str
) -> None:
    found = run(*arguments)
    assert (found.code, found.out) == (1, "")
    assert message in found.err
    assert "Traceback" not in found.err
    assert found.err.count("\n") == 1


# -- run


def test_a_text_is_shown_as_a_table(run: Run, model: str) -> None:
    found = run("run", model, "Мама мыла раму. Кот спит на окне.")
    assert found.code == 0
    rows = [line.split() for line in found.out.splitlines()]
    assert rows[0] == ["0", "Мама", "NOUN", "мама", "Animacy=Anim|Case=Nom|Gender=Fem|Number=Sing"]
    assert (rows[4], len(rows)) == ([], 10)


@pytest.mark.parametrize("format", ["json", "conllu", "table"])
def test_standard_input_is_read_in_any_locale(model: str, format: str) -> None:
    found = python(
        "run",
        model,
        "--to",
        format,
        "--device",
        "cpu",
        stdin="\ufeffМама мыла раму.\r\n".encode(),
    )
    assert (found.code, found.err) == (0, "")
    assert "Мама" in found.out
    if format == "json":
        data = json.loads(found.out)
        assert data["text"] == "Мама мыла раму.\n"
        assert [(token["text"], token["lemma"]) for token in data["tokens"]][:2] == [
            ("Мама", "мама"),
            ("мыла", "мыть"),
        ]


def test_a_file_is_read(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Кот спит.", encoding="utf-8")
    found = run("run", model, "--file", tmp_path / "a.txt", "--to", "conllu")
    assert found.code == 0
    again = tmp_path / "a.conllu"
    again.write_text(found.out, encoding="utf-8")
    [doc] = pipekit_read(again)
    assert [(token.text, token.pos) for token in doc] == [
        ("Кот", "NOUN"),
        ("спит", "VERB"),
        (".", "PUNCT"),
    ]


def pipekit_read(path: Path) -> list[pipekit.Doc]:
    from pipekit.corpora.readers import read_conllu

    return list(read_conllu(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "a.txt: cannot be read: No such file"), ("кот".encode("cp1251"), "byte 0 is no UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named(
    run: Run, model: str, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    found = run("run", model, "--file", tmp_path / "a.txt")
    assert found.code == 1
    assert message in found.err


def test_components_can_be_left_out(run: Run, model: str) -> None:
    assert run("run", model, "--exclude", "tagger", "--", "Кот").out == "0  Кот  -  -  -\n"
    found = run("run", model, "Кот", "--exclude", "tager")
    assert (found.code, "Did you mean 'tagger'?" in found.err) == (1, True)


@pytest.mark.parametrize("text", ["", " ", "\ud800"])
def test_the_shortest_texts_are_shown(run: Run, model: str, text: str) -> None:
    for format in ("table", "json", "conllu"):
        assert run("run", model, text, "--to", format).code == 0


# -- apply


def test_a_corpus_is_annotated_and_keeps_its_fields(run: Run, model: str, tmp_path: Path) -> None:
    records = [{"id": i, "text": doc.text, "tags": ["а"]} for i, doc in enumerate(ten())]
    source = lines(tmp_path / "in.jsonl", *records)
    found = run("apply", model, source, "-o", tmp_path / "out" / "a.jsonl")
    assert (found.code, found.out) == (0, "")
    rows = loaded(tmp_path / "out" / "a.jsonl")
    assert [{key: row[key] for key in ("id", "text", "tags")} for row in rows] == records
    assert [
        pipekit.Doc.from_dict({key: row[key] for key in ("text", "tokens", "sents")})[0].lemma
        for row in rows
    ][:2] == ["мама", "кот"]
    assert "Мама" in (tmp_path / "out" / "a.jsonl").read_text(encoding="utf-8")


def test_a_corpus_is_annotated_on_several_devices(run: Run, model: str, tmp_path: Path) -> None:
    source = lines(tmp_path / "in.jsonl", *({"text": doc.text} for doc in ten()))
    for name, options in (("one", []), ("two", ["--devices", "cpu", "cpu"])):
        assert (
            run(
                "apply",
                model,
                source,
                "-o",
                tmp_path / f"{name}.jsonl",
                "--device",
                "cpu",
                *options,
            ).code
            == 0
        )
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (
        run(
            "apply",
            model,
            source,
            "-o",
            tmp_path / "three.jsonl",
            "--devices",
            "cpu",
            "--precision",
            "int8",
        ).code
        == 0
    )
    found = run("apply", model, source, "-o", tmp_path / "four.jsonl", "--devices", "cpu", "gpu")
    assert (found.code, "no device is called 'gpu'" in found.err) == (1, True)


def test_each_input_has_its_output_in_a_folder_and_lines_of_text_are_texts(
    run: Run, model: str, tmp_path: Path
) -> None:
    lines(tmp_path / "a.jsonl", {"body": "Кот спит.", "n": 1})
    (tmp_path / "b.txt").write_text("Мама мыла раму.\n\nКот\n", encoding="utf-8")
    assert (
        run(
            "apply", model, tmp_path / "a.jsonl", "-o", tmp_path / "out", "--text-field", "body"
        ).code
        == 0
    )
    assert run("apply", model, tmp_path / "b.txt", "-o", tmp_path / "out").code == 0
    [row] = loaded(tmp_path / "out" / "a.jsonl")
    assert (row["body"], row["text"], row["n"]) == ("Кот спит.", "Кот спит.", 1)
    assert [row["text"] for row in loaded(tmp_path / "out" / "b.jsonl")] == [
        "Мама мыла раму.",
        "",
        "Кот",
    ]


def test_several_inputs_go_to_one_file_or_to_standard_output(
    run: Run, model: str, tmp_path: Path
) -> None:
    paths = [lines(tmp_path / f"{name}.jsonl", {"text": name}) for name in ("раз", "два")]
    assert run("apply", model, *paths, "-o", tmp_path / "all.jsonl").code == 0
    assert [row["text"] for row in loaded(tmp_path / "all.jsonl")] == ["раз", "два"]
    found = run("apply", model, *paths, "-o", "-")
    assert [json.loads(line)["text"] for line in found.out.splitlines()] == ["раз", "два"]


@pytest.mark.parametrize(
    ("content", "code", "line", "reason"),
    [
        ('{"text": "а"}\n{"text": \n', 0, 2, "is not JSON"),
        (
            '{"text": "а"}\n\n["а"]\n',
            0,
            3,
            "has no text in the field 'text': it is not an object but list",
        ),
        (
            '{"body": "а", "id": 1}\n',
            3,
            1,
            "has no text in the field 'text' (--text names another). Known: body, id.",
        ),
        ('{"text": 5}\n', 3, 1, "has no text in the field 'text', but int"),
    ],
)
def test_a_bad_line_costs_itself(
    run: Run, model: str, tmp_path: Path, content: str, code: int, line: int, reason: str
) -> None:
    (tmp_path / "in.jsonl").write_text(content, encoding="utf-8")
    found = run("apply", model, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert (found.code, "1 records failed" in found.err) == (code, True)
    [error] = loaded(tmp_path / "out.jsonl.errors.jsonl")
    assert (error["line"], error["reason"][: len(reason)]) == (line, reason)


def test_an_input_is_never_written_over(run: Run, model: str, tmp_path: Path) -> None:
    source = lines(tmp_path / "a.jsonl", {"text": "Кот спит."})
    before = source.read_bytes()
    for output in (source, tmp_path):
        found = run("apply", model, source, "-o", output)
        assert (found.code, "is among the inputs" in found.err) == (1, True)
    assert source.read_bytes() == before
    found = run("apply", model, source, tmp_path / "b" / "a.jsonl", "-o", tmp_path / "out")
    assert (found.code, "have the same name" in found.err) == (1, True)


def test_lone_surrogates_do_not_stop_it(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(
        '{"text": "Кот \\ud800 спит", "title": "\\udfff"}\n', encoding="utf-8"
    )
    assert run("apply", model, tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl").code == 0
    [row] = loaded(tmp_path / "out.jsonl")
    assert (row["text"], row["title"]) == ("Кот \ufffd спит", "\ufffd")


# -- evaluate, info


def test_figures_are_a_table_or_json(run: Run, model: str) -> None:
    found = run("evaluate", model, TEN, "--gold-tokens", "--json")
    scores = json.loads(found.out)[str(TEN)]
    assert found.code == 0
    assert scores["figures"]["pos"]["f1"] == 1.0 if "figures" in scores else scores["pos"]
    table = run("evaluate", model, TEN)
    assert table.code == 0
    assert table.out.startswith("ten.conllu: 10 documents")
    assert "lemma" in table.out


def test_precisions_stand_side_by_side_with_their_distance_from_the_first(
    run: Run, model: str
) -> None:
    found = run(
        "evaluate", model, TEN, "--gold-tokens", "--precision", "float32", "bfloat16", "int8"
    )
    head = re.search(r"\|\s+\| float32 \| bfloat16 \| points \| +int8 \| points \|", found.out)
    assert (found.code, bool(head)) == (0, True)
    assert re.search(
        r"\| pos +\| +100\.00 \| +100\.00 \| +\+0\.00 \| +100\.00 \| +\+0\.00 \|", found.out
    )
    data = json.loads(run("evaluate", model, TEN, "--precision", "float32", "int8", "--json").out)
    assert list(data[str(TEN)]) == ["float32", "int8"]
    wrong = run("evaluate", model, TEN, "--precision", "float23")
    assert (wrong.code, "did you mean 'float32'" in wrong.err.lower()) == (1, True)


def test_a_file_without_documents_or_of_another_format_is_named(
    run: Run, model: str, tmp_path: Path
) -> None:
    found = run("evaluate", model, tmp_path / "no.conllu")
    assert (found.code, "no.conllu" in found.err) == (1, True)


def test_what_is_installed_is_listed_with_who_brings_it(run: Run) -> None:
    found = run("info", "--json")
    data = json.loads(found.out)
    assert data["pipekit"] == pipekit.__version__
    assert "tagger (pipekit-nlp)" in data["components"]
    assert "tagger (pipekit-nlp)" in run("info").out


def test_a_pipeline_says_what_it_is(run: Run, model: str) -> None:
    data = json.loads(run("info", model, "--json").out)
    assert (data["name"], data["version"], data["lang"], data["components"]) == (
        "tiny",
        "1.2",
        "ru",
        ["tagger"],
    )
    assert data["encoder main"].startswith("GRU, ")
    assert "tagger" in run("info", model).out


def test_figures_of_a_pipeline_are_shown_as_evaluations_show_them(
    run: Run, model: str, tmp_path: Path
) -> None:
    nlp = pipekit.load(model, device="cpu")
    shown = {}
    for name, figures in {
        "by corpus": {"test": {"pos": 0.95724997, "sents": None}, "dev": {"pos": 1.0, "n": 12}},
        "alone": {"pos": 0.95724997, "sents": float("nan")},
        "none": {},
    }.items():
        nlp.meta["performance"] = figures
        nlp.to_disk(tmp_path / "figures.pipekit")
        shown[name] = run("info", tmp_path / "figures.pipekit").out
    table = [line.split() for line in shown["by corpus"].splitlines()[-3:]]
    assert table == [
        ["performance", "pos", "sents", "n"],
        ["test", "95.72", "–", "–"],
        ["dev", "100.00", "–", "12"],
    ]
    assert [line.split() for line in shown["alone"].splitlines()[-1:]] == [["95.72", "–"]]
    assert "performance" not in shown["none"]


# -- train


def test_a_training_goes_on_and_takes_overrides(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(RECIPE, encoding="utf-8")
    short = [
        "--set",
        "training.epochs=2",
        "--set",
        "training.evaluate_every=1",
        "-o",
        tmp_path / "run",
    ]
    assert run("train", tmp_path / "a.toml", *short).code == 0
    assert [row["epoch"] for row in loaded(tmp_path / "run" / LOG)] == [1, 2]
    assert (
        run("train", tmp_path / "a.toml", *short, "--set", "training.epochs=4", "--resume").code
        == 0
    )
    assert [row["epoch"] for row in loaded(tmp_path / "run" / LOG)] == [1, 2, 3, 4]
    found = run("train", tmp_path / "a.toml", "--set", "training.epoch=3")
    assert (found.code, "Did you mean 'epochs'?" in found.err) == (1, True)


# -- check


def test_a_corpus_in_order_ends_with_nothing(run: Run) -> None:
    found = run("check", TEN, "--fewest", 1)
    assert found.code == 0
    assert "10 documents, 54 tokens" in found.out
    assert "no problems" in found.out


def test_a_corpus_with_faults_ends_with_three(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.conllu"
    bad.write_text(
        TEN.read_text(encoding="utf-8").replace("\tNOUN\t", "\tNUON\t", 1), encoding="utf-8"
    )
    found = run("check", bad)
    assert found.code == 3
    assert f"{bad}:3: 'Мама': 'NUON' is no part of speech of UD. Did you mean 'NOUN'?" in found.out
    data = json.loads(run("check", bad, "--json").out)
    assert data["errors"] == 1
    assert "Мама" in run("check", bad, "--json").out


def test_warnings_alone_end_with_nothing(run: Run) -> None:
    found = run("check", TEN, "--dev", TEN)
    assert found.code == 0
    assert "warning: duplicate (10)" in found.out


def test_texts_without_tokens_are_cut_by_the_tokenizer_of_the_language(
    run: Run, tmp_path: Path
) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {"text": "Иван Петров спит.", "ents": [[0, 11, "PER"]]},
        {"text": "Иван", "ents": [[0, 3, "PER"]]},
    )
    found = run("check", path, "--fewest", 1)
    assert (found.code, f"{path}:2" in found.out) == (3, True)
    found = run("check", path, "--lang", "xx")
    assert (found.code, "no tokenizer is called 'xx'" in found.err) == (1, True)


def test_an_unknown_format_is_wrong_usage_of_one_who_knows_better(run: Run) -> None:
    found = run("check", TEN, "--format", "conlu")
    assert (found.code, "Did you mean 'conllu'?" in found.err) == (1, True)


# -- interrupted, and streams that are not of a terminal


def test_an_interrupt_ends_with_one_hundred_and_thirty(
    run: Run, model: str, tmp_path: Path
) -> None:
    from pipekit.pipeline.hooks import hooks

    class Stop:
        @pipekit.hookimpl
        def batch_done(self, docs: tuple[pipekit.Doc, ...]) -> None:
            raise KeyboardInterrupt

    stop = Stop()
    hooks.add(stop)
    found = run("run", model, "Кот")
    hooks.remove(stop)
    assert (found.code, found.err) == (130, "pipekit run: interrupted\n")


def test_a_reader_that_goes_away_ends_a_verb_in_silence(model: str) -> None:
    """With 128 and the number of SIGPIPE, as a shell has it of other tools."""
    run_model = f"{sys.executable} -m pipekit run {model} --device cpu 'Кот спит.'"
    command = f"{run_model} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


def test_streams_that_someone_has_replaced_are_taken_as_they_are(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["run", model, "Кот"]) == 0
    assert out.getvalue().startswith("0  Кот  NOUN")


def test_a_benchmark_tells_where_the_time_goes(run: Run, model: str, tmp_path: Path) -> None:
    corpus = tmp_path / "texts.txt"
    corpus.write_text("Мама мыла раму.\nКот спал.\n" * 5, encoding="utf-8")
    found = run("benchmark", model, str(corpus), "--runs", "2", "--device", "cpu")
    assert found.code == 0
    for stage in (
        "main: the encoder",
        "tagger: scores",
        "tokenizer",
        "main: features",
        "tagger: decoding",
        "around the networks",
    ):
        assert stage in found.out
    assert "10 documents, 35 words, 2 runs, on cpu" in found.out
