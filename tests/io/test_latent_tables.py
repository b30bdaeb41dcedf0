"""Latents as files: each format reads back what was written."""

import sys
from pathlib import Path

import numpy as np
import pytest

from aectl.errors import UserError
from aectl.io import latent_tables
from aectl.io.latent_tables import LatentTable

TABLE = LatentTable(["a", "b/c"], np.array([[1.5, -2.25, 1e-7], [0.1, 3e8, -0.0]], np.float32), ["x", "y, z"])


@pytest.mark.parametrize("suffix", latent_tables.FORMATS)
@pytest.mark.parametrize("labels", [True, False])
def test_each_format_reads_back_exactly_what_was_written(tmp_path: Path, suffix: str, labels: bool) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    table = TABLE if labels else TABLE._replace(labels=None)
    found = latent_tables.load(latent_tables.save(table, tmp_path / f"latents{suffix}"))
    np.testing.assert_array_equal(found.codes, table.codes)
    if suffix != ".npy":
        assert (found.names, found.labels) == (table.names, table.labels)


def test_missing_pyarrow_is_reported_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"aectl\[parquet\]"):
        latent_tables.save(TABLE, tmp_path / "latents.parquet")
