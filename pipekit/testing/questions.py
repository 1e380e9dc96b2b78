"""PartQuestions that some parts are not asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PartQuestions:
    """Tests of a part, of which a subclass may leave some out by its attributes.

    A question that is left out is no test of the subclass: pytest neither runs nor skips it.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name, is_asked in cls.asked().items():
            if not is_asked:
                setattr(cls, name, None)

    @classmethod
    def asked(cls) -> Mapping[str, bool]:
        """Whether the questions that depend on attributes are asked, by the names of the tests."""
        return {}
