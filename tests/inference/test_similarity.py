"""Codes that are close, the same, and far from all others are found."""

import numpy as np
import pytest

from aectl.inference.similarity import compare, project

RNG = np.random.default_rng(0)


def test_nearest_duplicates_and_odd_ones_are_found() -> None:
    codes = RNG.standard_normal((60, 4)).astype(np.float32)
    codes[10], codes[20], codes[21] = codes[5], codes[5] + 1e-3, codes[7]
    codes[30] = 12
    found = compare(codes, k=3)
    assert found.duplicates == [[5, 10, 20], [7, 21]]
    assert found.odd[0] == 30
    assert found.oddness.argmax() == 30
    distances = np.linalg.norm(codes[40] - codes, axis=1)
    assert found.neighbours[40].tolist() == np.argsort(distances)[1:4].tolist()
    np.testing.assert_allclose(found.distances[40], np.sort(distances)[1:4], rtol=1e-5)


@pytest.mark.parametrize("n", [2, 3])
def test_few_codes_and_equal_codes_are_compared(n: int) -> None:
    found = compare(np.ones((n, 3), np.float32), k=5)
    assert found.neighbours.shape == (n, n - 1)
    assert found.duplicates == [list(range(n))]
    assert found.odd == []


def test_long_codes_are_projected_at_about_their_distances() -> None:
    codes = RNG.standard_normal((20, 5_000), dtype=np.float32)
    codes[3] = codes[4]
    short = project(codes)
    assert short.shape == (20, 1_024)
    before, after = (np.linalg.norm(x[0] - x[1:], axis=1) for x in (codes, short))
    np.testing.assert_allclose(after, before, rtol=0.15)
    assert compare(codes, 2).duplicates == [[3, 4]]
