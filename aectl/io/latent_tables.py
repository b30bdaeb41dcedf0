"""Latents as .npy, .npz, .csv and .parquet files."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aectl.errors import UserError, one_line
from aectl.io import npz
from aectl.io.archives import check_unpacked_size
from aectl.io.atomic import write_atomic


class LatentTable(NamedTuple):
    """Latents (N, D) float32, with the file or index of each example and its class, if there are classes."""

    names: list[str]
    codes: np.ndarray
    labels: list[str] | None = None


def check_suffix(path: str) -> Path:
    """The path; a UserError if it does not end as a known format does."""
    found = Path(path).expanduser()
    if found.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: unknown suffix {found.suffix or '(none)'}; expected one of {', '.join(FORMATS)}")
    return found


def save(table: LatentTable, path: Path) -> Path:
    """Writes the table in the format of the suffix; .npy holds the codes alone."""
    return write_atomic(path, lambda temporary: FORMATS[path.suffix.lower()][0](table, temporary))


def load(path: Path) -> LatentTable:
    """Reads what `save` wrote; a UserError if there is no such file, it is damaged, or holds something else."""
    try:
        table = FORMATS[path.suffix.lower()][1](path)
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError, StopIteration, csv.Error) as error:
        raise UserError(f"{path}: not readable as latents ({one_line(error)})") from error
    if table.codes.ndim != 2 or not np.issubdtype(table.codes.dtype, np.floating):
        raise UserError(f"{path}: an array of {table.codes.shape} {table.codes.dtype}; expected (N, D) floating point")
    return table


def save_npy(table: LatentTable, path: Path) -> None:
    np.save(path, table.codes)


def save_npz(table: LatentTable, path: Path) -> None:
    labels = {} if table.labels is None else {"labels": np.array(table.labels)}
    np.savez_compressed(path, names=np.array(table.names), codes=table.codes, **labels)  # type: ignore[arg-type]


def save_csv(table: LatentTable, path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns(table), *rows(table)])


def save_parquet(table: LatentTable, path: Path) -> None:
    arrow, parquet = import_pyarrow()
    by_column = zip(*rows(table), strict=True)
    parquet.write_table(arrow.table(dict(zip(columns(table), map(list, by_column), strict=True))), path)


def load_npy(path: Path) -> LatentTable:
    codes = np.atleast_1d(npz.load_npy(path))
    return LatentTable([str(index) for index in range(len(codes))], codes)


def load_npz(path: Path) -> LatentTable:
    arrays = npz.load_npz(path)
    labels = [str(label) for label in arrays["labels"]] if "labels" in arrays else None
    return LatentTable([str(name) for name in arrays["names"]], arrays["codes"], labels)


def load_csv(path: Path) -> LatentTable:
    with path.open(newline="") as file:
        reader = csv.reader(file)
        return table_from_rows(next(reader), [row for row in reader if row])


def load_parquet(path: Path) -> LatentTable:
    _, parquet = import_pyarrow()
    about = parquet.read_metadata(path)
    check_unpacked_size(8 * about.num_rows * about.num_columns, path.stat().st_size)
    found = parquet.read_table(path).to_pydict()
    return table_from_rows(list(found), [list(row) for row in zip(*found.values(), strict=True)])


def columns(table: LatentTable) -> list[str]:
    labels = [] if table.labels is None else ["label"]
    return ["name", *labels, *latent_columns(table.codes.shape[1])]


def latent_columns(n: int) -> list[str]:
    return [f"z{index + 1}" for index in range(n)]


def rows(table: LatentTable) -> list[list[Any]]:
    labels = [[] for _ in table.names] if table.labels is None else [[label] for label in table.labels]
    return [[name, *label, *code.tolist()] for name, label, code in zip(table.names, labels, table.codes, strict=True)]


def table_from_rows(heads: list[str], found: list[list[Any]]) -> LatentTable:
    first = 2 if heads[1:2] == ["label"] else 1
    if heads[:1] != ["name"] or not heads[first:] or heads[first:] != latent_columns(len(heads) - first):
        raise ValueError(f"columns {', '.join(heads)}; expected name, label if there are any, z1, z2, ...")
    if any(len(row) != len(heads) for row in found):
        raise ValueError(f"rows of other than {len(heads)} values")
    codes = np.array([[float(value) for value in row[first:]] for row in found], np.float32).reshape(len(found), -1)
    return LatentTable([str(row[0]) for row in found], codes, [str(row[1]) for row in found] if first == 2 else None)


def import_pyarrow() -> tuple[Any, Any]:
    """pyarrow and its module for parquet; a UserError if it is not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise UserError(".parquet needs pyarrow, which is not installed: pip install 'aectl[parquet]'") from error
    return pyarrow, parquet


FORMATS: dict[str, tuple[Callable[[LatentTable, Path], None], Callable[[Path], LatentTable]]] = {  # writes, reads
    ".npy": (save_npy, load_npy),
    ".npz": (save_npz, load_npz),
    ".csv": (save_csv, load_csv),
    ".parquet": (save_parquet, load_parquet),
}
