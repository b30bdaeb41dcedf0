"""Prints a table over runs: in a terminal with lines between its blocks, elsewhere as Markdown."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace

from aectl.io.tables import is_terminal, make_table, print_line, print_table
from aectl.search.table.cells import head_of, printable, rows_of
from aectl.search.table.formats import markdown
from aectl.search.table.run_table import Column, RunTable

LEFT_OUT_FIRST = ("name", "seconds", "test/ssim", "val/ssim", "parameters", "val/nll", "val/kl", "val/loss")
"""The columns that a narrow terminal does without; the name of a run is the end of its path."""
PATH_WIDTH, PADDING = 30, 3


def print_run_table(table: RunTable, top: int | None = None, significance: bool = True) -> None:
    """Prints the first rows of a table, which of their differences are real, how many rows follow, and its notes."""
    shown = replace(table, rows=table.rows[:top])
    shown = shown.with_differences() if significance else shown
    print_rows(shown)
    if (more := len(table.rows) - len(shown.rows)) > 0:
        print_line(f"{more:,} more rows: top=null prints all of them")
    for note in shown.notes:
        print_line(printable(note))


def print_rows(table: RunTable) -> None:
    if not is_terminal():
        sys.stdout.write(markdown(table) + "\n")
        return
    heads, rows = short_heads(table.columns), rows_of(table)
    shown = fitting(table.columns, heads, rows, shutil.get_terminal_size().columns, table.ranking.metric)
    left = [heads[index] for index in shown if not table.columns[index].is_number]
    made = make_table(f"{len(table.rows):,} rows", [heads[index] for index in shown], left)
    for number, texts in enumerate(rows):
        style = "bold" if number in table.starts else None
        made.add_row(*(texts[index] for index in shown), style=style, end_section=number + 1 in table.starts)
    print_table(made)
    if hidden := [head for index, head in enumerate(heads) if index not in shown and head != "name"]:
        print_line(printable(f"not shown in so narrow a terminal: {', '.join(hidden)}; format=md shows them"))


def fitting(
    columns: Sequence[Column], heads: Sequence[str], rows: Sequence[Sequence[str]], width: int, ranked: str
) -> list[int]:
    """The indices of the columns that fit into so many signs, that of the ranking among them; a path may wrap."""
    needed = [max(map(len, texts)) + PADDING for texts in zip(heads, *rows, strict=True)]
    needed = [
        min(each, PATH_WIDTH) if column.name == "path" else each for each, column in zip(needed, columns, strict=True)
    ]
    shown = list(range(len(columns)))
    for name in LEFT_OUT_FIRST:
        if name != ranked and sum(needed[index] for index in shown) > width:
            shown = [index for index in shown if columns[index].name != name]
    return shown


def short_heads(columns: Sequence[Column]) -> list[str]:
    """The heads of columns, keys of a config by their last part where that is clear: `latent_dim`, `lr`."""
    heads = [head_of(column) for column in columns]
    leaves = [head.rpartition(".")[2] for head in heads]
    return [leaf if leaves.count(leaf) == 1 else head for head, leaf in zip(heads, leaves, strict=True)]
