"""Prints a table over runs: in a terminal with lines between its blocks, elsewhere as Markdown."""

import sys
from dataclasses import replace

from aectl.io.tables import is_terminal, make_table, print_line, print_table
from aectl.search.table.formats import head_of, markdown, printable, rows_of
from aectl.search.table.run_table import RunTable


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
    heads = [head_of(column) for column in table.columns]
    left = [head for head, column in zip(heads, table.columns, strict=True) if not column.is_number]
    made = make_table("", heads, left)
    for index, texts in enumerate(rows_of(table)):
        first = index in table.starts
        made.add_row(*texts, style="bold" if first else None, end_section=index + 1 in table.starts)
    print_table(made)
