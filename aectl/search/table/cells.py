"""The cells of a table over runs as a person reads them, before a format escapes them."""

import math

from aectl.config import spell
from aectl.search.table.run_table import Cell, Column, RunTable, Spread
from aectl.search.table.significance import Difference

DIGITS = {"psnr": ".2f", "ssim": ".3f", "mse": ".4f", "gain": ".2f"}
MOST_DIGITS = 3
"""Decimals that are shown for the sake of a small deviation."""


def printable(text: object) -> str:
    """A text without control characters, line breaks and the signs that turn its direction: those are shown as ?."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text))


def head_of(column: Column) -> str:
    return {"val/elbo": "val/elbo (beta 1)"}.get(column.name, printable(column.name))


def text_of(cell: Cell, column: Column) -> str:
    """A cell as a person reads it, before it is escaped."""
    if cell is None:
        return ""
    if isinstance(cell, Spread):
        return text_of_spread(cell, spec_of(column.name), column.name != "parameters")
    if isinstance(cell, Difference):
        spec = f"+{spec_of(cell.metric)}"
        return f"{cell.mean:{spec}} ({cell.low:{spec}} to {cell.high:{spec}}){', real' if cell.is_real else ''}"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1e4 else f"{cell:g}"
    return printable(spell(cell))


def text_of_spread(spread: Spread, spec: str, with_deviation: bool) -> str:
    """A mean with its deviation, both to the same place: two digits of the deviation where there is room."""
    mean = f"{spread.mean:{spec}}"
    if spread.deviation is None or not with_deviation:
        return mean
    digits = len(mean.partition("e")[0].partition(".")[2])
    if spec.endswith("g") and "e" not in mean and 0 < spread.deviation < math.inf:
        digits = max(digits, min(MOST_DIGITS, 1 - math.floor(math.log10(spread.deviation))))
        mean = f"{spread.mean:.{digits}f}"
    return f"{mean} ±{spread.deviation:.{digits}f}"


def spec_of(name: str) -> str:
    """How a number is written: scores with the digits of `aectl eval`, counts in full, all others with four digits."""
    leaf = name.rpartition("/")[2]
    if name == "parameters":
        return ",.0f"
    if name == "seconds":
        return ".1f"
    return next((spec for score, spec in DIGITS.items() if score in leaf), ".4g")


def rows_of(table: RunTable) -> list[list[str]]:
    return [[text_of(table.cell(row, column), column) for column in table.columns] for row in table.rows]
