"""The questions that pipekit asks of its own parts, as pytest classes for the parts of others.

A subclass names the part; pytest does the rest:

    import pipekit.testing

    class TestContacts(pipekit.testing.ComponentTests):
        type = "contacts"
        settings = {"labels": ["EMAIL"]}

Each class has attributes and methods that a subclass may replace, and each question may be replaced
or extended like any method. pytest is needed here alone: no other module imports it.
"""

from pipekit.errors import cure

try:
    import pytest
except ImportError as error:
    raise ImportError(f"pipekit.testing needs pytest: {cure('pytest')}") from error

_MODULES = ("comparing", "components", "encoders", "heads", "listeners", "readers", "tokenizers")
pytest.register_assert_rewrite(*[f"pipekit.testing.{name}" for name in _MODULES])

from pipekit.testing.components import ComponentTests  # noqa: E402
from pipekit.testing.encoders import EncoderTests  # noqa: E402
from pipekit.testing.heads import HeadTests  # noqa: E402
from pipekit.testing.listeners import ListenerTests  # noqa: E402
from pipekit.testing.readers import ReaderTests  # noqa: E402
from pipekit.testing.texts import HOSTILE, PLAIN  # noqa: E402
from pipekit.testing.tokenizers import TokenizerTests  # noqa: E402

__all__ = [
    "HOSTILE",
    "PLAIN",
    "ComponentTests",
    "EncoderTests",
    "HeadTests",
    "ListenerTests",
    "ReaderTests",
    "TokenizerTests",
]
