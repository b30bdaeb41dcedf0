"""A table over runs as Markdown, CSV, JSON and LaTeX. Names in it may be a stranger's: each format escapes them."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from aectl.config import spell
from aectl.search.table.cells import head_of, printable, rows_of, text_of
from aectl.search.table.run_table import DIFFERENCE, Cell, Column, Row, RunTable, Spread
from aectl.search.table.significance import Difference

MARKDOWN = re.compile(r"([\\|<>\[\]*`~&$#!]|(?<![^\W_])_|_(?![^\W_])|:(?=//))")
LATEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{sign: f"{{{sign}}}" for sign in "[]*<>\"-'`"},
}
FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""


def markdown(table: RunTable) -> str:
    heads = [escape_markdown(head_of(column)) for column in table.columns]
    body = [[escape_markdown(text) for text in row] for row in rows_of(table)]
    widths = [max(3, *map(len, texts)) for texts in zip(heads, *body, strict=True)]
    rules = [
        "-" * (width - 1) + (":" if column.is_number else "-")
        for width, column in zip(widths, table.columns, strict=True)
    ]

    def line(texts: Sequence[str]) -> str:
        padded = (
            text.rjust(width) if column.is_number else text.ljust(width)
            for text, width, column in zip(texts, widths, table.columns, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(heads), line(rules), *map(line, body)]) + "\n"


def escape_markdown(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)


def as_csv(table: RunTable) -> str:
    """Numbers in full; deviations over seeds, intervals and p values in columns of their own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = any(len(row.runs) > 1 for row in table.rows)
    writer.writerow([escape_csv(head) for column in table.columns for head in csv_heads(column, several)])
    for row in table.rows:
        cells = [csv_values(table.cell(row, column), column, several) for column in table.columns]
        writer.writerow([escape_csv(value) if isinstance(value, str) else value for cell in cells for value in cell])
    return text.getvalue()


def csv_heads(column: Column, several: bool) -> list[str]:
    head = head_of(column)
    if column.name == DIFFERENCE:
        return [f"{head}{part}" for part in ("", " low", " high", " p")]
    return [head, f"{head} deviation"] if column.is_number and several else [head]


def csv_values(cell: Cell, column: Column, several: bool) -> list[Any]:
    """The values below the heads of a column."""
    if isinstance(cell, Difference):
        return [cell.mean, cell.low, cell.high, cell.p]
    if isinstance(cell, Spread):
        return [cell.mean, "" if cell.deviation is None else cell.deviation][: len(csv_heads(column, several))]
    empty = [""] * (len(csv_heads(column, several)) - 1)
    return ["" if cell is None else printable(spell(cell)) if isinstance(cell, str | bool) else cell, *empty]


def escape_csv(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(FORMULA) and not is_number(text) else text


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def latex(table: RunTable) -> str:
    """A `tabular` for the package booktabs; the path is left out, and the best row of each block is bold."""
    columns = [column for column in table.columns if column.name not in ("path", "name")]
    lines = [f"\\begin{{tabular}}{{{''.join('r' if column.is_number else 'l' for column in columns)}}}", "\\toprule"]
    lines += [latex_row([head_of(column) for column in columns]), "\\midrule"]
    for index, row in enumerate(table.rows):
        texts = [text_of(table.cell(row, column), column) for column in columns]
        first = index in table.starts
        lines += ["\\midrule"] * (first and index > 0) + [latex_row(texts, bold=first)]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def latex_row(texts: Sequence[str], bold: bool = False) -> str:
    escaped = [escape_latex(text) for text in texts]
    return " & ".join(f"\\textbf{{{text}}}" if bold and text else text for text in escaped) + r" \\"


def escape_latex(text: str) -> str:
    signs = "".join(LATEX.get(sign, sign) for sign in text)
    number = re.fullmatch(r"\{-\}([\d.,e+{}-]+)( ±.*)?", signs)
    plain = f"$-${number[1]}{number[2] or ''}" if number else signs
    return plain.replace("±", r"$\pm$")


def as_json(table: RunTable) -> str:
    """Everything that is known of each run, and how they were ranked."""
    ranking = {
        "metric": table.ranking.metric,
        "order": "max" if table.ranking.maximize else "min",
        "why": table.ranking.why,
    }
    rows = [row_to_dict(table, row) for row in table.rows]
    content = {"ranking": ranking, "differs": table.keys, "notes": list(table.notes), "rows": rows}
    return json.dumps(finite(content), indent=2, allow_nan=False) + "\n"


def row_to_dict(table: RunTable, row: Row) -> dict[str, Any]:
    cells = {column.name: table.cell(row, column) for column in table.columns}
    plain = {name: plain_cell(cell) for name, cell in cells.items()}
    return {"columns": plain, "runs": [asdict(run) for run in row.runs]}


def plain_cell(cell: Cell) -> Any:
    if isinstance(cell, Difference):
        return {**asdict(cell), "real": cell.is_real}
    return cell._asdict() if isinstance(cell, Spread) else cell


def finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


FORMATS: dict[str, Callable[[RunTable], str]] = {"md": markdown, "csv": as_csv, "json": as_json, "latex": latex}
