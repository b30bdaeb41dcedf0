"""Tables on standard output: coloured in a terminal, Markdown without padding elsewhere."""

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 1_000


def is_terminal() -> bool:
    return Console().is_terminal


def make_table(title: str, heads: Sequence[str], left: Sequence[str] = ()) -> Table:
    """An empty table. The first column and those named in `left` are flush left, the others flush right."""
    made = Table(box=box.SIMPLE_HEAD if is_terminal() else box.MARKDOWN, title=title, title_justify="left")
    for index, head in enumerate(heads):
        made.add_column(head, justify="right" if index and head not in left else "left", overflow="fold")
    return made


def print_table(table: Table) -> None:
    """Prints a table. In a pipe no row wraps, and an empty line follows."""
    console = Console(highlight=False, markup=False, emoji=False)
    if console.is_terminal:
        console.print(table)
        return
    console.width = PIPE_WIDTH
    with console.capture() as captured:
        console.print(table)
    lines = (line.rstrip() for line in captured.get().splitlines())
    sys.stdout.write("\n".join(line for line in lines if line) + "\n\n")


def print_line(text: str, style: str = "") -> None:
    Console(highlight=False).print(Text(text, style), soft_wrap=True)
