"""What parts promise: an encoder, a component, a component that learns.

Modules: parts.contracts, parts.protocols
"""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from pipekit import Batch, Doc
from pipekit.errors import ConfigError
from pipekit.parts.contracts import NO_ENCODER, Encoder, EncoderRef, Head, under
from pipekit.parts.protocols import Component


class Shouting:
    """A component that is a plain class."""

    requires = ()
    assigns = ("shout",)

    def __call__(self, batch: Batch) -> None:
        """Nothing to do."""


class Width(Head):
    """A head whose scores are the widths of words."""

    assigns = ("width",)

    def scores(self, batch: Batch) -> np.ndarray:
        return batch.words.lengths

    def decode(self, batch: Batch, scores: np.ndarray) -> None:
        for doc, start in zip(batch.docs, batch.offsets.tolist(), strict=False):
            doc.tokens.set("width", scores[start : start + len(doc)])


def test_a_plain_class_is_a_component_and_one_without_promises_is_none() -> None:
    assert isinstance(Shouting(), Component)
    assert not isinstance(len, Component)


def test_a_head_decodes_what_it_scores() -> None:
    docs = [Doc(words=["мама", "я"]), Doc(words=["да"])]
    assert Width()(Batch(docs)) is None
    assert [doc.tokens["width"].values.tolist() for doc in docs] == [[4, 1], [2]]


def test_a_head_knows_the_encoder_that_it_reads_or_that_there_is_none() -> None:
    reference = EncoderRef("main", 16)
    assert Width(reference).encoder is reference
    assert Width().encoder is NO_ENCODER


@pytest.mark.parametrize("kind", [Encoder, Head])
def test_what_is_not_learned_from_documents_stays_as_it_is(kind: type[Encoder | Head]) -> None:
    prepared = kind.prepare({"width": 3}, [Doc(words=["а"])])
    assert (prepared.settings, prepared.tables) == ({"width": 3}, {})


def test_an_encoder_is_one_layer_and_has_no_attention_unless_it_says_so() -> None:
    class Plain(Encoder):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

    encoder = Plain()
    assert encoder.layers() == [encoder] and encoder.compilable() == []
    with pytest.raises(ConfigError, match="Plain has no attention to look at"):
        encoder.attention(Batch([]))


def test_tables_are_chosen_by_the_beginning_of_their_names() -> None:
    tables = {"lexicon.hashes": np.zeros(1), "lexicon.tags": np.ones(2), "vectors.rows": np.ones(3)}
    chosen = under(tables, "lexicon.")
    assert list(chosen) == ["hashes", "tags"] and chosen["tags"] is tables["lexicon.tags"]


@pytest.mark.parametrize("kind", [Encoder, Head])
def test_a_property_of_a_part_that_fails_says_why(kind: type[Encoder | Head]) -> None:
    class Misspelt(kind):  # type: ignore[misc, valid-type]
        @property
        def size(self) -> int:
            return int(self.encoder.widht)

    part = Misspelt()
    part.encoder = EncoderRef("main", 4)
    with pytest.raises(AttributeError, match="'EncoderRef' object has no attribute 'widht'"):
        part.size  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'sise'"):
        part.sise  # noqa: B018
