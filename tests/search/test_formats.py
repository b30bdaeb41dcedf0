"""How the cells of a table over runs are written."""

import pytest

from aectl.search.table.cells import text_of
from aectl.search.table.run_table import Column, Spread


@pytest.mark.parametrize(
    ("name", "spread", "text"),
    [
        ("val/loss", Spread(-30.1787, None, 1), "-30.18"),
        ("val/loss", Spread(-30.1787, 1.374, 2), "-30.18 ±1.37"),
        ("val/loss", Spread(12.0, 0.0043, 2), "12.000 ±0.004"),
        ("val/loss", Spread(12.0, 0.0, 2), "12 ±0"),
        ("val/loss", Spread(1.23456e9, 5.0, 2), "1.235e+09 ±5.000"),
        ("val/psnr", Spread(17.241, 0.0989, 2), "17.24 ±0.10"),
        ("test/mse", Spread(0.02141, 0.0001, 3), "0.0214 ±0.0001"),
        ("parameters", Spread(83025.0, 0.0, 2), "83,025"),
        ("seconds", Spread(0.55, 0.21, 2), "0.6 ±0.2"),
    ],
)
def test_a_spread_shows_mean_and_deviation_to_the_same_place(name: str, spread: Spread, text: str) -> None:
    assert text_of(spread, Column(name, True)) == text
