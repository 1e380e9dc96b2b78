"""The keys of a pipeline's config, with the type and the range of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pipekit.settings import LabelList, LabelName, Length

_PartSettings = Mapping[LabelName, Mapping[str, Any]]


@dataclass(frozen=True)
class PipelineSettings:
    """What the config of a pipeline holds; `Pipeline` describes it."""

    lang: Annotated[str, Length(1, 16)] = "ru"
    name: str | None = None
    tokenizer: Mapping[str, Any] | None = None
    given: LabelList | None = None
    encoders: Annotated[_PartSettings, Length(0, 16)] | None = None
    components: Annotated[_PartSettings, Length(0, 64)] | None = None
