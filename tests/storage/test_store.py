"""Pipeline files: their contents come back, and contents that no file holds are refused.

Modules: storage.packing, storage.store
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.places import GOLDEN
from helpers.stored import HEADER, reheaded, saved, tensors

from pipekit.errors import ConfigError, CorruptModelError
from pipekit.storage import store
from pipekit.storage.packing import MAX_DEPTH


def assert_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


# -- what comes back


def test_header_and_tensors_come_back_from_a_file_a_folder_and_bytes(tmp_path: Path) -> None:
    store.save(tmp_path / "m.pipekit", HEADER, tensors())
    assert (tmp_path / "m.pipekit").read_bytes() == saved()
    for found in (
        store.load_container(tmp_path / "m.pipekit"),
        store.load_container(str(tmp_path)),
        store.container_from_bytes(saved()),
    ):
        assert found.header == HEADER
        assert_same(found.tensors, tensors())


def test_the_order_of_the_components_comes_back() -> None:
    assert list(store.container_from_bytes(saved()).header["config"]["components"]) == [
        "tagger",
        "ner",
    ]


def test_tensors_that_come_back_may_be_written_to() -> None:
    for array in store.container_from_bytes(saved()).tensors.values():
        assert (
            array.flags.writeable
            and array.flags.c_contiguous
            and array.flags.owndata | (array.base is not None)
        )


@pytest.mark.parametrize(
    "dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">i4", ">f8"]
)
def test_each_dtype_comes_back_also_from_views_and_other_byte_orders(dtype: str) -> None:
    array = np.arange(24).reshape(4, 6).astype(dtype).T[::2]
    found = store.container_from_bytes(store.to_bytes({}, {"x": array})).tensors["x"]
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, array)


def test_the_same_things_give_the_same_bytes() -> None:
    backwards = dict(reversed(tensors().items()))
    assert store.to_bytes(HEADER, backwards) == saved() == saved()


def test_half_stores_float32_in_half_the_bytes_and_gives_float32_back() -> None:
    array = np.linspace(-3, 3, 10_000, dtype=np.float32)
    full, half = (store.to_bytes({}, {"x": array}, half=half) for half in (False, True))
    assert len(half) < 0.51 * len(full)
    found = store.container_from_bytes(half).tensors["x"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, array, rtol=2**-11, atol=1e-7)


@pytest.mark.parametrize("value", [65_505.0, 1e38, -7e4])
def test_half_keeps_a_tensor_whose_values_are_beyond_float16(value: float) -> None:
    array = np.array([1 / 3, value, np.inf], dtype=np.float32)
    np.testing.assert_array_equal(
        store.container_from_bytes(store.to_bytes({}, {"x": array}, half=True)).tensors["x"], array
    )


def test_half_touches_nothing_but_float32_and_carries_the_infinite() -> None:
    given = {
        "d": np.array([1 / 3]),
        "i": np.array([2**40]),
        "f": np.array([np.inf, -np.inf, np.nan, 65_504], dtype=np.float32),
    }
    assert_same(store.container_from_bytes(store.to_bytes({}, given, half=True)).tensors, given)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pipekit")), ids=lambda path: path.name)
def test_a_file_of_each_format_version_loads_for_ever(path: Path) -> None:
    found = store.load_container(path)
    assert found.header == HEADER
    assert_same(found.tensors, golden_tensors())


def golden_tensors() -> dict[str, np.ndarray]:
    """The tensors of the files in golden/, made without random numbers; weights are float16."""
    return {
        "components/tagger/weights/out": np.array([[0.5, -1.25], [3.0, 0.0]], dtype=np.float32),
        "encoders/main/tables/keys": np.array([1, 2**63], dtype=np.uint64),
        "encoders/main/tables/mask": np.array([True, False]),
    }


def test_the_newest_format_has_a_golden_file() -> None:
    assert (GOLDEN / f"format-{store.VERSION}.pipekit").read_bytes() == store.to_bytes(
        HEADER, golden_tensors(), half=True
    )


# -- what cannot be stored

PATHS = ["", "..", "/abs", "C:\\x", "a\\b", "a//b", "a/../b", "a/", "a..b", ".hidden", "~x"]
BAD_NAMES = [*PATHS, "nul\0", "тензор", "a b", "a\n", "a" * 256, "\u202ea"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_be_a_path_is_refused_on_both_ways(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a tensor"):
        store.to_bytes({}, {name: np.zeros(1)})
    with pytest.raises(CorruptModelError, match="cannot name a tensor"):
        store.container_from_bytes(
            reheaded(lambda message: message["tensors"][0].update(name=name))
        )


@pytest.mark.parametrize(
    "name", ["a", "A-1_b.c", "encoders/main/weights/lstm.weight_ih_l0", "a" * 255]
)
def test_names_of_parts_and_torch_are_taken(name: str) -> None:
    assert list(store.container_from_bytes(store.to_bytes({}, {name: np.zeros(1)})).tensors) == [
        name
    ]


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 0


UNFIT: dict[str, tuple[Any, str]] = {
    "an object": ({"config": {"x": [1, object()]}}, r"header.config.x\[1\] is <object"),
    "a numpy number": ({"a": np.float32(1)}, r"header.a is .*\(float32\)"),
    "bytes": ({"a": b""}, "header.a is b''"),
    "a key that is a number": ({"a": {1: 2}}, "header.a has the key 1, which is no string"),
    "a number beyond 64 bits": ({"a": 2**64}, "header.a is 18446744073709551616"),
    "too deep": ({"a": nested(MAX_DEPTH)}, "deep in each other"),
    "too long": ({"a": [[]] * 50_000}, "put long lists into tensors"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_header_that_would_not_come_back_is_refused(case: str) -> None:
    header, reason = UNFIT[case]
    with pytest.raises(ConfigError, match=reason):
        store.to_bytes(header, {})


@pytest.mark.parametrize("dtype", ["c8", "U1", "M8[s]", "O"])
def test_a_tensor_of_another_dtype_is_refused_by_name(dtype: str) -> None:
    with pytest.raises(ConfigError, match="tensor 'x' has dtype"):
        store.to_bytes({}, {"x": np.zeros(1, dtype=dtype)})


@pytest.mark.parametrize("beyond", [-1, 0, 1])
def test_the_header_may_be_as_deep_as_the_limit(beyond: int) -> None:
    header = {"a": nested(MAX_DEPTH - 3 + beyond)}
    if beyond <= 0:
        assert store.container_from_bytes(store.to_bytes(header, {})).header == header
    else:
        with pytest.raises(ConfigError, match="deep"):
            store.to_bytes(header, {})


def test_a_fingerprint_tells_headers_and_tensors_apart_and_nothing_else() -> None:
    own = store.fingerprint(HEADER, tensors())
    assert own == store.fingerprint(HEADER, dict(reversed(tensors().items())))
    assert own != store.fingerprint({**HEADER, "more": 1}, tensors())
    changed = tensors()
    changed["encoders/main/weights/scalar"] = np.array(3.25)
    assert own != store.fingerprint(HEADER, changed)
    assert len(own) == 64


def test_a_tensor_that_no_message_can_count_is_refused() -> None:
    huge = np.broadcast_to(np.zeros(1, np.uint8), (2**32,))  # no memory of its own
    with pytest.raises(ConfigError, match="tensor 'x' has 4294967296 bytes, a message at most"):
        store.to_bytes({}, {"x": huge})


def test_a_file_that_the_system_does_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.pipekit"
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    with pytest.raises(CorruptModelError, match=r"m\.pipekit cannot be read: No such file"):
        store.load_container(path)
