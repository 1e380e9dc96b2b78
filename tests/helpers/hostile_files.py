"""Pipeline files that were made to do harm, under checksums that hold, and what each of them does.

    python tests/helpers/hostile_files.py FOLDER FIRST STEP     every step-th case, a line for each

A case is a small pipeline with one change: a setting with a hostile value, a table that is missing,
of another shape or full of nonsense, a header of another form. `measured` runs the cases in a
process of its own, since the worst of them never end or take all memory there is.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HOSTILE: dict[str, Any] = {
    "none": None,
    "true": True,
    "zero": 0,
    "one": 1,
    "three": 3,
    "minus one": -1,
    "a million": 1 << 20,
    "2**16": 1 << 16,
    "2**31": 1 << 31,
    "2**40": 1 << 40,
    "2**64 - 1": (1 << 64) - 1,
    "-2**63": -(1 << 63),
    "half": 0.5,
    "1e300": 1e300,
    "nan": math.nan,
    "infinity": math.inf,
    "no text": "",
    "a number as a text": "64",
    "a function": "os.system",
    "a module": "antigravity:open",
    "a package": "setuptools",
    "a long text": "я" * 200_000,
    "no list": [],
    "a list": [1, 1],
    "a long list": list(range(60_000)),
    "a list of texts": ["а", "а", "б"],
    "many texts": [f"x{number} y{number} z{number}" for number in range(20_000)],
    "many values": [f"X|A{number}=B" for number in range(20_000)],
    "a list of large numbers": [1 << 40],
    "no table": {},
    "a table": {"width": 1 << 30},
    "a deep list": [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]],
}
FEATURES = ("width", "word_width", "affix_width", "tag_width", "dropout", "vectors")
MOST_SECONDS = 1.0  # of a processor
MOST_BYTES = 16 << 20
MOST_PER_BYTE = 16

Header = dict[str, Any]
Tensors = dict[str, np.ndarray]


class Case(NamedTuple):
    """A file: what was changed, what makes its header, and its tensors."""

    name: str
    header: Callable[[], Header]
    tensors: Tensors


class Outcome(NamedTuple):
    """What a file did: "works", the name of an error of pipekit's, or another word for harm."""

    name: str
    size: int
    outcome: str
    seconds: float
    bytes: int

    def harm(self, seconds: float = MOST_SECONDS) -> str:
        """Why the file does harm; empty where it does none."""
        if self.outcome != "works" and not self.outcome.startswith("PipekitError"):
            return self.outcome
        if self.seconds > seconds:
            return f"{self.seconds:.1f} s"
        if self.bytes > MOST_BYTES + MOST_PER_BYTE * self.size:
            return f"{self.bytes >> 20} MB of memory"
        return ""


# -- small pipelines


def write_pipelines(folder: Path) -> None:
    """Files of small pipelines that `cases` change: all components, and all kinds of encoders."""
    from helpers.lexicons import lexicon_tables
    from helpers.parts import COMPONENTS, ENCODERS, NETWORK
    from helpers.tiny import TAGGER, recipe, ten
    from helpers.word_vectors import tables

    from pipekit.storage import store
    from pipekit.training.building import build_pipeline
    from pipekit.training.recipe import parse_recipe

    files = {name: str(folder / f"{name}.tables") for name in ("lexicon", "vectors")}
    store.save(files["lexicon"], {}, lexicon_tables())
    ngrams = {"ngrams": np.ones((50, 2), np.int8), "ngram_scale": np.ones(1, np.float32)}
    store.save(files["vectors"], {}, tables() | ngrams | {"counts": np.ones(3, np.uint32)})
    components = {
        "embeddings": {"type": "embeddings", "vectors": files["vectors"]},
        "ents": {"type": "spans_of_ten", "layer": "ents"},
        "fine": {"type": "spans_of_ten", "layer": "fine"},
        **{name: dict(settings) for name, (settings, _) in COMPONENTS.items()},
    }
    for name, changes in {
        "tagger": {"lexicon": files["lexicon"]},
        "qa": {"lexicon": files["lexicon"]},
        "classifier": {"terms": True},
        "ner": {"layer": "names"},
        "span_ner": {"layer": "more names", "labels": ["PER", "LOC"]},
    }.items():
        components[name] |= changes
    components["ner"]["labels"] = ["PER", "LOC"]
    every = recipe({"type": "bilstm", "width": 16}, components)
    few = {"word_buckets": 50, "affix_buckets": 50, "shape_buckets": 50}
    every["encoders"]["main"]["features"] = {"width": 8, **few, **files}
    recipes = {EVERY: every}
    kinds = {
        **{name: ENCODERS[name] for name in KINDS},
        "mut2": {"type": "mut2", "width": 8},
        "mut3": {"type": "mut3", "width": 8},
        "deberta": {"type": "bert", "family": "deberta_v2", "network": NETWORK, "features": None},
    }
    for name, encoder in kinds.items():
        recipes[name] = recipe(encoder, {"tagger": TAGGER})
    for name, raw in recipes.items():
        nlp = build_pipeline(parse_recipe(raw), ten())
        nlp.to_disk(folder / f"{name}.pipekit")
    write_rules(folder)


def write_rules(folder: Path) -> None:
    """A file of the components that work by rules."""
    import pipekit
    from pipekit.matching import pattern_tables

    nlp = pipekit.blank("ru")
    street = [{"LOWER": {"REGEX": "^ул"}}, {"IS_TITLE": True, "OP": "{1,3}"}]
    rules = [
        {"label": "LOC", "pattern": street},
        {"label": "ORG", "pattern": "Яндекс Маркет", "id": "market"},
        {"label": "ORG", "pattern": "Яндекс"},
    ]
    nlp.add_pipe("entity_ruler", patterns=rules, tables=pattern_tables(rules, nlp))
    nlp.add_pipe("span_ruler", layer="terms", phrases_by="norm", patterns=rules[1:])
    mended = [{"patterns": [[{"LOWER": "на"}]], "attrs": {"note": "предлог"}}]
    nlp.add_pipe("attribute_ruler", rules=mended)
    nlp.add_pipe("values")
    nlp.to_disk(folder / f"{RULES}.pipekit")


EVERY = "every component"
RULES = "rules"
KINDS = (
    "gru",
    "bilstm, two layers, no skip",
    "mut1, one direction",
    "transformer",
    "transformer, learned, post",
    "bert",
    "causal",
)


# -- what is changed


def cases(folder: Path) -> Iterator[Case]:
    """All cases, in a fixed order."""
    from pipekit.storage import store

    for change, header in explosions():
        yield Case(f"no tensors: {change}", partial(deepcopy, header), {})
    for file in sorted(folder.glob("*.pipekit")):
        container = store.load_container(file)
        header, tensors = container.header, container.tensors
        name = file.stem
        whole = partial(deepcopy, header)
        yield Case(f"{name}: as it is", whole, tensors)
        for change, altered in altered_headers(header, every=name in (EVERY, RULES)):
            yield Case(f"{name}: {change}", altered, tensors)
        for change, others in altered_tensors(tensors, every=name in (EVERY, RULES)):
            yield Case(f"{name}: {change}", whole, others)


def altered_headers(header: Header, *, every: bool) -> Iterator[tuple[str, Callable[[], Header]]]:
    """Each setting, given or not, with each hostile value; and headers of other forms.

    every: of all parts, and not of the encoders alone.
    """
    for path in setting_paths(header["config"]):
        if path[0] != "encoders" and not every:
            continue
        for name, value in HOSTILE.items():
            yield f"{'.'.join(path)} is {name}", partial(replaced, header, ("config", *path), value)
    if not every:
        return
    for key in ("config", "meta", "suppliers", "same"):
        for name, value in HOSTILE.items():
            yield f"{key} is {name}", partial(replaced, header, (key,), value)
    for kind in ("encoders", "components"):
        parts = header["config"][kind]
        backwards = dict(reversed(parts.items()))
        yield f"{kind} backwards", partial(replaced, header, ("config", kind), backwards)
        for part, settings in parts.items():
            without = {name: value for name, value in parts.items() if name != part}
            yield f"no {kind} {part}", partial(replaced, header, ("config", kind), without)
            renamed = {**without, "os.system": settings}
            yield f"{kind} {part} renamed", partial(replaced, header, ("config", kind), renamed)
            for type in ("ner", "tagger", "bert", "gru", "tfidf", "../x", "os.system", "ru"):
                path = ("config", kind, part, "type")
                yield f"{kind} {part} of type {type}", partial(replaced, header, path, type)
    many = {f"n{number}": {"type": "gru"} for number in range(10_000)}
    yield "many encoders", partial(replaced, header, ("config", "encoders"), many)
    same = {f"components/x/tables/{number}": f"{number}" for number in range(5_000)}
    yield "same as what is not there", partial(replaced, header, ("same",), same)


def setting_paths(config: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The path of each setting of each part, those that have their defaults too."""
    from pipekit import registry
    from pipekit.encoders.bert.families import BertShape
    from pipekit.words.features import FeatureMaker

    for key in ("lang", "given", "tokenizer", "encoders", "components"):
        yield (key,)
    registries = {
        "tokenizer": registry.tokenizers,
        "encoders": registry.encoders,
        "components": registry.components,
    }
    parts = [("tokenizer", ("tokenizer",), config["tokenizer"])]
    for kind in ("encoders", "components"):
        parts += [(kind, (kind, name), part) for name, part in config[kind].items()]
    for kind, path, part in parts:
        signature = inspect.signature(registries[kind].get(part["type"]))
        for key in ("type", *signature.parameters):
            if key != "tables":
                yield (*path, key)
        if "features" in signature.parameters and kind == "encoders":
            for key in (*FEATURES, *(field.name for field in fields(FeatureMaker))):
                yield (*path, "features", key)
        if "network" in signature.parameters:
            for field in fields(BertShape):
                yield (*path, "network", field.name)


def replaced(header: Header, path: tuple[str, ...], value: Any) -> Header:
    altered = deepcopy(header)
    *above, last = path
    place = altered
    for key in above:
        if place.get(key) is None:
            place[key] = {}
        place = place[key]
    place[last] = value
    return altered


def altered_tensors(tensors: Tensors, *, every: bool) -> Iterator[tuple[str, Tensors]]:
    """Each tensor missing, twice, under another name, of another type, shape or content.

    every: and not those of the encoders alone.
    """
    for name, array in tensors.items():
        if not name.startswith("encoders") and not every:
            continue
        without = {other: tensors[other] for other in tensors if other != name}
        yield f"no {name}", without
        yield f"{name} renamed", {**without, f"{name}x": array}
        yield f"{name} twice", {**tensors, f"{name}.copy": array}
        if "/weights/" in name and not name.endswith(("bias", "temperature")):
            continue  # the shapes of weights are checked all in one place
        for change, other in altered_arrays(array):
            yield f"{name} {change}", {**without, name: other}
    yield "no tensors", {}
    yield "a stranger", {**tensors, "os/system": np.zeros(3)}
    yield "a part that is not there", {**tensors, "encoders/x/tables/y": np.zeros(3)}


def altered_arrays(array: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "empty", array.reshape(-1)[:0]
    yield "of no axis", np.zeros((), array.dtype)
    yield "of one axis more", array[None]
    yield "longer", np.concatenate([np.atleast_1d(array)] * 3)
    yield "shorter", np.atleast_1d(array)[:-1]
    yield "backwards", np.ascontiguousarray(np.atleast_1d(array)[::-1])
    for dtype in ("bool", "int8", "int64", "uint64", "float32", "float64"):
        if array.dtype.name != dtype:
            yield f"as {dtype}", array.astype(dtype)
    kind = array.dtype.kind
    if kind in "iu":
        limits = np.iinfo(array.dtype)
        yield "of highest values", np.full_like(array, limits.max)
        yield "of lowest values", np.full_like(array, limits.min)
        yield "of 2**40", np.full(array.shape, 1 << 40, np.int64)
        yield "of -1", np.full(array.shape, -1, np.int64)
    if kind == "f":
        yield "of NaN", np.full_like(array, math.nan)
        yield "of infinities", np.full_like(array, math.inf)
    if array.dtype == np.uint8:
        long = ("я" * 200_000).encode()
        yield "of one long string", np.frombuffer(long, np.uint8)
        yield "of many strings", np.frombuffer(b"\n" * 300_000, np.uint8)
        letters = "\n".join(["я"] * 100_000).encode()
        yield "of many letters", np.frombuffer(letters, np.uint8)
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, array.nbytes, np.uint8)
    if kind != "b":
        yield "of noise", noise.view(array.dtype).reshape(array.shape)


def explosions() -> Iterator[tuple[str, Header]]:
    """A few bytes that stand for gigabytes, each setting of them within its range."""
    ner = {"type": "ner", "encoder": "main", "labels": ["PER"]}
    encoders: list[dict[str, Any]] = [
        {"type": "bilstm", "width": 16_384},
        {"type": "bilstm", "width": 65_536},
        {"type": "bilstm", "layers": 1 << 20},
        {"type": "bilstm", "width": 2, "layers": 256},
        {"type": "gru", "width": 4_096, "layers": 100},
        {"type": "transformer", "width": 16_384},
        {"type": "transformer", "width": 16_384, "heads": 1, "window": 8_192},
        {"type": "transformer", "width": 16, "heads": 1, "layers": 256},
        {"type": "rnn", "features": {"word_buckets": 1 << 27}},
        {"type": "rnn", "features": {"word_buckets": 1 << 28, "word_width": 1}},
        {"type": "rnn", "features": {"ngrams": [3], "ngram_buckets": 1 << 28}},
        {"type": "mut1", "features": {"prefixes": list(range(1, 33)), "affix_width": 16_384}},
    ]
    for encoder in encoders:
        yield str(encoder), described(encoder, ner)
    small = {"type": "rnn", "width": 2, "features": {"width": 2, "word_buckets": 9}}
    names = [f"L{number}" for number in range(10_000)]
    heads: list[dict[str, Any]] = [
        {"type": "ner", "labels": names},
        {"type": "ner", "labels": ["PER"], "hidden": 16_384},
        {"type": "span_ner", "labels": names, "hidden": 16_384},
        {"type": "tagger", "tags": [f"X|A=B{name}" for name in names]},
        {"type": "tagger", "tags": [f"X|A{name}=B" for name in names]},
        {"type": "parser", "labels": names, "label_width": 1_024},
        {"type": "parser", "labels": ["root"], "arcs": 16_384, "hidden": 16_384},
        {"type": "relations", "patterns": [f"A{name} {name} B{name}" for name in names]},
        {"type": "classifier", "labels": names, "heads": 256, "hidden": 16_384},
        {"type": "entity_sentiment", "labels": names, "heads": 256, "hidden": 16_384},
        {"type": "qa", "mixed": 16_384, "hidden": 16_384},
        {"type": "qa", "longest": 1_023, "passage": 8_192, "hidden": 16_384},
    ]
    for head in heads:
        yield f"{head['type']} {str(head)[-60:]}", described(small, {**head, "encoder": "main"})
    words = [f"слово{number}" for number in range(4_000)]
    tokenizers: list[dict[str, Any]] = [
        {"type": "ru", "abbreviations": words},
        {"type": "ru", "special": {"words": words}},
        {"type": "ru", "special": {str(number): words[:1_000] for number in range(40)}},
        {"type": "ru", "special": {"words": ["WORD", "TAIL", "(a+)+$", "a" * 200]}},
        {"type": "ru", "lang": "../../x"},
        {"type": "whitespace", "lang": "ru"},
    ]
    for tokenizer in tokenizers:
        header = described(small, ner)
        header["config"]["tokenizer"] = tokenizer
        yield f"tokenizer {str(tokenizer)[:60]}", header


def described(encoder: Mapping[str, Any], component: Mapping[str, Any]) -> Header:
    config = {
        "lang": "ru",
        "tokenizer": {"type": "ru"},
        "encoders": {"main": dict(encoder)},
        "components": {"it": dict(component)},
    }
    return {"config": config, "meta": {}, "suppliers": {}, "same": {}}


# -- what they do


def measure(case: Case, data: bytes) -> Outcome:
    """Load a file, and annotate a text with it."""
    import pipekit
    from pipekit.errors import PipekitError

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the highest mark
    before = memory("VmRSS")
    began = time.process_time()
    nlp = None
    try:
        nlp = pipekit.from_bytes(data, device="cpu")
        outcome = "works"
    except PipekitError as error:
        outcome = f"PipekitError: {type(error).__name__}: {str(error)[:200]}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.process_time() - began
    most = memory("VmHWM") - before
    if nlp is not None:
        try:
            list(nlp.pipe(["Мама мыла раму в Москве.", "", "x-1"]))
        except PipekitError as error:
            outcome = f"PipekitError on a text: {type(error).__name__}: {str(error)[:200]}"
        except BaseException as error:
            outcome = f"loads, but {type(error).__name__}: {str(error)[:200]}"
    return Outcome(case.name, len(data), outcome, round(seconds, 3), most)


def memory(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise LookupError(key)


def run(folder: Path, first: int, step: int) -> None:
    """Measure the explosions and every `step`-th case, and print a line before and after each."""
    import warnings

    import helpers.tiny
    import torch

    import pipekit
    from pipekit.errors import ConfigError
    from pipekit.storage import store

    assert helpers.tiny.SpansOfTen  # a component that is registered there
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    small = described(
        {"type": "gru", "width": 8}, {"type": "ner", "labels": ["PER"], "encoder": "main"}
    )
    pipekit.Pipeline(small["config"])("Раз.")
    # What parts bring themselves is there then, such as the words of values: no file asks for it.
    for path in sorted(folder.glob("*.pipekit")):
        pipekit.load(path, device="cpu")("Раз.")
    for number, case in enumerate(cases(folder)):
        is_sampled = not number % step or case.name.startswith("no tensors")
        if number < first or not is_sampled:
            continue
        try:
            data = store.to_bytes(case.header(), case.tensors)
        except ConfigError:
            continue  # no file can hold it
        print(json.dumps([number, case.name]), flush=True)
        print(json.dumps([number, *measure(case, data)]), flush=True)


def measured(folder: Path, step: int = 1, seconds: float = 8.0) -> list[Outcome]:
    """The outcomes of the explosions and every `step`-th case, each in at most so many seconds."""
    outcomes: list[Outcome] = []
    first: int | None = 0
    while first is not None:
        first = _measured_from(folder, first, step, seconds, outcomes)
    return outcomes


def _measured_from(
    folder: Path,
    first: int,
    step: int,
    seconds: float,
    outcomes: list[Outcome],
) -> int | None:
    """Read outcomes of a process; where it ends before its time, the number of the next case."""
    command = [sys.executable, __file__, str(folder), str(first), str(step)]
    path = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    number, name = first - 1, ""
    try:
        for line in lines_within(process.stdout.fileno(), seconds):
            number, name, *rest = json.loads(line)
            if rest:
                outcomes.append(Outcome(name, *rest))
                name = ""
        if process.wait(seconds) == 0:
            return None
        outcomes.append(Outcome(name, 0, f"ended by {process.returncode}", 0, 0))
    except TimeoutError:
        if name:  # else the machine is busy, and no case was under way
            outcomes.append(Outcome(name, 0, f"more than {seconds} s", seconds, 0))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return int(number) + 1


def lines_within(descriptor: int, seconds: float) -> Iterator[bytes]:
    """Lines of a pipe; the first may take ten times as long.

    Errors: `TimeoutError`.
    """
    import select

    rest = b""
    limit = 10 * seconds
    while True:
        ready, _, _ = select.select([descriptor], [], [], limit)
        if not ready:
            raise TimeoutError
        data = os.read(descriptor, 1 << 16)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
        limit = seconds


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
