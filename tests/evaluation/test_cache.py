"""A cached array comes back unchanged, or is computed again."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aectl.evaluation.cache import Arrays, Cache, fingerprint

ARRAYS = {"best": np.array(3), "mean": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 4))}


class Counted:
    """Returns the arrays and counts its calls."""

    def __init__(self, arrays: Arrays = ARRAYS) -> None:
        self.arrays = arrays
        self.calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return self.arrays


class Burglar:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def same(arrays: Arrays, expected: Arrays = ARRAYS) -> bool:
    return arrays.keys() == expected.keys() and all(
        arrays[name].dtype == array.dtype and np.array_equal(arrays[name], array) for name, array in expected.items()
    )


def visible(folder: Path) -> list[str]:
    """The names in a folder, without lock files."""
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def kept(folder: Path, key: dict[str, Any]) -> Path:
    """The file of a cached key."""
    Cache(folder).get(key, Counted())
    (path,) = folder.glob("*.npz")
    return path


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    compute, key = Counted(), {"baseline": "PCA", "components": 3}
    first = Cache(tmp_path / "not" / "yet").get(key, compute)
    second = Cache(tmp_path / "not" / "yet").get(dict(reversed(key.items())), compute)
    assert same(first)
    assert same(second)
    assert compute.calls == 1
    assert len(visible(tmp_path / "not" / "yet")) == 1  # nothing is left aside


KEYS: list[dict[str, Any]] = [
    {"a": 1},
    {"a": "1"},
    {"a": 1.5},
    {"b": 1},
    {"a": 1, "b": None},
    {"a": [1]},
    {"a": {"a": 1}},
    {"a": Path("1.0")},
    {"a": np.arange(5000)},
    {"a": np.where(np.arange(5000) == 2500, 0, np.arange(5000))},  # numpy prints the two alike
]


def test_another_key_is_another_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for number, key in enumerate(KEYS):
        cache.get(key, Counted({"number": np.array(number)}))
    assert len(visible(tmp_path)) == len(KEYS)
    for number, key in enumerate(KEYS):
        assert cache.get(key, Counted())["number"] == number


def test_a_truncated_file_is_recomputed_and_replaced(tmp_path: Path) -> None:
    path = kept(tmp_path, {"a": 1})
    whole = path.read_bytes()
    for length in range(0, len(whole), 5):
        path.write_bytes(whole[:length])
        compute = Counted()
        assert same(Cache(tmp_path).get({"a": 1}, compute))
        assert compute.calls == 1
    assert same(Cache(tmp_path).get({"a": 1}, compute))
    assert compute.calls == 1


def test_a_damaged_byte_never_fails_and_never_changes_an_array(tmp_path: Path) -> None:
    path = kept(tmp_path, {"a": 1})
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        arrays = Cache(tmp_path).get({"a": 1}, Counted())
        assert same(arrays, {name: ARRAYS[name] for name in arrays})
        assert place > whole.index(b"PK\1\2") or same(arrays)  # the arrays end where the directory begins


@pytest.mark.parametrize("content", [b"", b"\0" * 600, b"PK\3\4" + b"\0" * 600, b"not a zip file\n" * 40])
def test_a_file_of_another_format_is_recomputed(tmp_path: Path, content: bytes) -> None:
    path, compute = kept(tmp_path, {"a": 1}), Counted()
    path.write_bytes(content)
    assert same(Cache(tmp_path).get({"a": 1}, compute))
    assert compute.calls == 1


@pytest.mark.parametrize("inside", ["a pickle", "an array of objects", "an archive with objects"])
def test_no_pickle_is_ever_loaded(tmp_path: Path, inside: str) -> None:
    path, left, compute = kept(tmp_path / "cache", {"a": 1}), tmp_path / "left", Counted()
    objects = np.array([Burglar(left)], dtype=object)
    with path.open("wb") as file:
        if inside == "a pickle":
            pickle.dump(Burglar(left), file)
        elif inside == "an array of objects":
            np.save(file, objects)
        else:
            np.savez(file, best=objects)
    assert same(Cache(tmp_path / "cache").get({"a": 1}, compute))
    assert compute.calls == 1
    assert not left.exists()


def test_an_unwritable_folder_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    compute = Counted()
    for _ in range(2):
        assert same(Cache(tmp_path / "file" / "cache").get({"a": 1}, compute))
    assert compute.calls == 2


def test_a_folder_with_the_name_of_a_file_only_costs_time(tmp_path: Path) -> None:
    path, compute = kept(tmp_path, {"a": 1}), Counted()
    path.unlink()
    (path / "full").mkdir(parents=True)
    assert same(Cache(tmp_path).get({"a": 1}, compute))
    assert visible(tmp_path) == [path.name]


def test_an_error_is_raised_and_not_cached(tmp_path: Path) -> None:
    def fails() -> Arrays:
        raise OSError("no such data")

    with pytest.raises(OSError, match="no such data") as error:
        Cache(tmp_path).get({"a": 1}, fails)
    assert error.value.__context__ is None
    assert visible(tmp_path) == []
    assert same(Cache(tmp_path).get({"a": 1}, Counted()))


def test_a_fingerprint_changes_with_any_element_the_type_and_the_shape() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    changed = [array.copy() for _ in range(array.size)]
    for place, copy in enumerate(changed):
        copy.flat[place] += 0.5
    others = [array.astype(np.float64), array.view(np.int32), array.reshape(6, 4), array[::-1], array[:1]]
    assert len({fingerprint(one) for one in (array, *changed, *others)}) == 1 + len(changed) + len(others)


def test_a_fingerprint_does_not_depend_on_memory_layout() -> None:
    array = np.arange(24).reshape(4, 6)
    assert fingerprint(array[:, ::2]) == fingerprint(array[:, ::2].copy())
    assert fingerprint(array.T) == fingerprint(np.array(array.tolist()).T.copy())
    assert fingerprint(np.array(5)) != fingerprint(np.array(6))
