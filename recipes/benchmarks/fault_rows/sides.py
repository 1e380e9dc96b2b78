"""pipekit and spaCy behind one face: what the rows do to both, by the same code."""

from __future__ import annotations

import hashlib
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WIDTH = 32
ROWS = 1000
TAGS = ["NOUN", "VERB", "PUNCT"]
EXAMPLE = ("Мама мыла раму .", ["NOUN", "VERB", "NOUN", "PUNCT"])


class Side(ABC):
    """One of the two; pipelines and documents are its own, texts, paths and bytes are plain."""

    name: str
    suffix: str
    docs_suffix: str
    listens_to: str
    """The group of entry points that brings components."""

    @abstractmethod
    def imported(self) -> None:
        """Import what the other methods need."""

    @abstractmethod
    def blank(self) -> Any:
        """A tokenizer and nothing else."""

    @abstractmethod
    def built(
        self,
        seed: int = 0,
        rows: int = ROWS,
    ) -> Any:
        """A small tagger; its weights follow from the seed, its size from the rows."""

    @abstractmethod
    def save(
        self,
        nlp: Any,
        path: Path,
    ) -> None: ...

    @abstractmethod
    def load(self, path: Path) -> Any: ...

    @abstractmethod
    def stream(
        self,
        nlp: Any,
        texts: Iterable[str],
        processes: int = 1,
        batch: int = 16,
    ) -> Iterator[Any]:
        """Docs in order; `batch` are texts, of some four words each."""

    @abstractmethod
    def write(
        self,
        docs: list[Any],
        path: Path,
    ) -> None: ...

    @abstractmethod
    def read(
        self,
        nlp: Any,
        path: Path,
    ) -> list[Any]:
        """All documents that a damaged file still gives."""

    @abstractmethod
    def round_trip(
        self,
        nlp: Any,
        doc: Any,
    ) -> Any:
        """A Doc through bytes."""

    @abstractmethod
    def apply(
        self,
        model: Path,
        source: Path,
        output: Path,
        processes: int = 1,
        resume: bool = False,
    ) -> list[str]:
        """The command of a job over a file of JSONL."""

    def pairs(self, doc: Any) -> list[tuple[str, int, str]]:
        """Text, offset and white space of each token."""
        return [(token.text, token.idx, token.whitespace_) for token in doc]

    def says(self, doc: Any) -> tuple[str, list[str]]:
        return doc.text, [token.pos_ or token.tag_ for token in doc]

    def state(self, nlp: Any) -> str:
        """A checksum of all that a pipeline is."""
        return hashlib.sha256(nlp.to_bytes()).hexdigest()


class Pipekit(Side):
    name = "pipekit"
    suffix = ".pipekit"
    docs_suffix = ".docs"
    listens_to = "pipekit_components"

    def imported(self) -> None:
        import torch

        import pipekit

        torch.set_num_threads(1)
        assert pipekit.Pipeline

    def blank(self) -> Any:
        import pipekit

        return pipekit.blank("ru")

    def built(
        self,
        seed: int = 0,
        rows: int = ROWS,
    ) -> Any:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        features = {
            "width": WIDTH,
            "word_width": WIDTH,
            "word_buckets": rows,
            "affix_buckets": rows,
            "shape_buckets": rows,
        }
        nlp = self.blank().with_precision("float32")
        nlp.add_encoder("main", "bilstm", width=WIDTH, features=features)
        nlp.add_pipe("tagger", encoder="main", tags=[f"{tag}|" for tag in TAGS])
        return nlp

    def save(
        self,
        nlp: Any,
        path: Path,
    ) -> None:
        nlp.to_disk(path)

    def load(self, path: Path) -> Any:
        import pipekit

        return pipekit.load(path, device="cpu", precision="float32")

    def stream(
        self,
        nlp: Any,
        texts: Iterable[str],
        processes: int = 1,
        batch: int = 16,
        **more: Any,
    ) -> Iterator[Any]:
        return iter(nlp.pipe(texts, n_process=processes, batch_words=4 * batch, **more))

    def write(
        self,
        docs: list[Any],
        path: Path,
    ) -> None:
        import pipekit

        pipekit.write_docs(docs, path)

    def read(
        self,
        nlp: Any,
        path: Path,
    ) -> list[Any]:
        import pipekit

        return list(pipekit.read_docs(path, on_error="skip"))

    def round_trip(
        self,
        nlp: Any,
        doc: Any,
    ) -> Any:
        import pipekit

        return pipekit.Doc.from_bytes(doc.to_bytes())

    def pairs(self, doc: Any) -> list[tuple[str, int, str]]:
        return [(token.text, token.idx, token.whitespace) for token in doc]

    def says(self, doc: Any) -> tuple[str, list[str]]:
        return doc.text, [token.pos or "" for token in doc]

    def apply(
        self,
        model: Path,
        source: Path,
        output: Path,
        processes: int = 1,
        resume: bool = False,
    ) -> list[str]:
        command = [sys.executable, "-m", "pipekit", "apply", str(model), str(source)]
        command += ["-o", str(output), "--processes", str(processes), "--batch-words", "2000"]
        if resume:
            command += ["--resume", "--commit-seconds", "0.5"]
        return command


class Spacy(Side):
    name = "spaCy"
    suffix = ""
    docs_suffix = ".spacy"
    listens_to = "spacy_factories"

    def imported(self) -> None:
        from spacy.training import Example

        assert Example

    def blank(self) -> Any:
        import spacy

        return spacy.blank("ru")

    def built(
        self,
        seed: int = 0,
        rows: int = ROWS,
    ) -> Any:
        from spacy.training import Example
        from spacy.util import fix_random_seed

        fix_random_seed(seed)
        tok2vec = {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": {
                "@architectures": "spacy.MultiHashEmbed.v2",
                "width": WIDTH,
                "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
                "rows": [rows] * 4,
                "include_static_vectors": False,
            },
            "encode": {
                "@architectures": "spacy.MaxoutWindowEncoder.v2",
                "width": WIDTH,
                "depth": 2,
                "window_size": 1,
                "maxout_pieces": 3,
            },
        }
        listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "*"}
        tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
        nlp = self.blank()
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
        nlp.add_pipe("tagger", config={"model": tagger})
        text, tags = EXAMPLE
        example = Example.from_dict(nlp.make_doc(text), {"tags": tags})
        nlp.initialize(lambda: [example])
        # A new tagger of spaCy has weights of zero.
        chance = random.Random(seed)
        model = nlp.get_pipe("tagger").model
        for node in model.walk():
            for name in node.param_names:
                weights = node.get_param(name)
                if not weights.any():
                    node.set_param(name, weights + chance.uniform(0.1, 1))
        return nlp

    def save(
        self,
        nlp: Any,
        path: Path,
    ) -> None:
        nlp.to_disk(path)

    def load(self, path: Path) -> Any:
        import spacy

        return spacy.load(path)

    def stream(
        self,
        nlp: Any,
        texts: Iterable[str],
        processes: int = 1,
        batch: int = 16,
    ) -> Iterator[Any]:
        return iter(nlp.pipe(texts, n_process=processes, batch_size=batch))

    def write(
        self,
        docs: list[Any],
        path: Path,
    ) -> None:
        from spacy.tokens import DocBin

        DocBin(attrs=["TAG"], docs=docs).to_disk(path)

    def read(
        self,
        nlp: Any,
        path: Path,
    ) -> list[Any]:
        from spacy.tokens import DocBin

        return list(DocBin().from_disk(path).get_docs(nlp.vocab))

    def round_trip(
        self,
        nlp: Any,
        doc: Any,
    ) -> Any:
        from spacy.tokens import Doc

        return Doc(nlp.vocab).from_bytes(doc.to_bytes())

    def apply(
        self,
        model: Path,
        source: Path,
        output: Path,
        processes: int = 1,
        resume: bool = False,
    ) -> list[str]:
        command = [sys.executable, "-m", "spacy", "apply", str(model), str(source), str(output)]
        return [*command, "--force", "--n-process", str(processes), "--batch-size", "256"]


SIDES: dict[str, Side] = {side.name: side for side in (Pipekit(), Spacy())}
