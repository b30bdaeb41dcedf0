"""`aectl similar`: the pictures of a folder, or windows of music, that are alike, the same, or unlike all others."""

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from aectl.cli.compared import Compared, read_compared
from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.errors import UserError
from aectl.inference.similarity import Similarities, compare
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_text
from aectl.io.tables import make_table, print_table
from aectl.plots import figures
from aectl.plots.contact_sheet import Row, contact_sheet
from aectl.types import NonNegativeInt, PositiveInt

ROWS, OF_A_KIND = 12, 4  # on the sheet: in all, and of duplicates and of odd ones
LISTED = 10  # rows of a table on the screen


class Chosen(NamedTuple):
    """A row of the sheet: its label, what stands in it, and how far each is from the first."""

    label: str
    indices: list[int]
    distances: list[float | None]


@run_command
def main(
    trained: TrainedRun, input: str | None, label: NonNegativeInt | None, neighbours: PositiveInt, output: str | None
) -> None:
    """Writes a table of all of them and a contact sheet; exit status 1 if a file could not be used."""
    compared = read_compared(trained, input, label)
    if len(compared.names) < 2:
        raise UserError(f"input={input}: expected two or more {compared.noun}s to compare; found {len(compared.names)}")
    found = compare(compared.codes, neighbours)
    print_found(found, compared)
    folder = output_folder(trained.run, output, "similar")
    title = f"{trained.run.title}: nearest in latent space\n(1 is the median distance of two {compared.noun}s)"
    sheet = contact_sheet(drawn(list(choose_rows(found)), compared), title)
    table = write_text(folder / "similar.csv", to_csv(found, compared))
    print_written(table, figures.save_figure(sheet, folder / "similar.png"))
    if compared.failed:
        raise SystemExit(1)


def print_found(found: Similarities, compared: Compared) -> None:
    """Prints the duplicates and the odd ones out, the most striking first."""
    noun, names = compared.noun, compared.names
    print(f"{noun}s: {len(names)}, groups of duplicates: {len(found.duplicates)}, odd ones out: {len(found.odd)}\n")
    if found.duplicates:
        table = make_table("duplicates", [noun, "the same as"], left=["the same as"])
        for group in found.duplicates[:LISTED]:
            table.add_row(names[group[0]], ", ".join(names[index] for index in group[1:LISTED]))
        print_table(table)
    if found.odd:
        table = make_table("odd ones out", [noun, "mean distance", "nearest"], left=["nearest"])
        for index in found.odd[:LISTED]:
            table.add_row(names[index], f"{found.oddness[index]:.2f}", names[found.neighbours[index, 0]])
        print_table(table)


def choose_rows(found: Similarities) -> Iterator[Chosen]:
    """Rows of the sheet: groups of duplicates, odd ones with their nearest, then some of the others with theirs."""
    width = found.neighbours.shape[1] + 1
    shown: set[int] = set()
    for number, group in enumerate(found.duplicates[:OF_A_KIND]):
        yield Chosen("" if number else "duplicates", group[:width], [None] * width)
        shown.update(group)
    for number, index in enumerate(found.odd[:OF_A_KIND]):
        yield nearest_row("" if number else "odd ones out", index, found)
        shown.add(index)
    rest = [index for index in range(len(found.oddness)) if index not in shown]
    places = min(len(rest), ROWS - min(OF_A_KIND, len(found.duplicates)) - min(OF_A_KIND, len(found.odd)))
    for number in range(places):
        yield nearest_row("" if number else "nearest", rest[number * len(rest) // places], found)


def nearest_row(label: str, index: int, found: Similarities) -> Chosen:
    """One of them and its nearest, with how far they are in typical distances."""
    distances = found.distances[index] / (found.typical or 1.0)
    return Chosen(label, [index, *found.neighbours[index].tolist()], [None, *distances.tolist()])


def drawn(rows: list[Chosen], compared: Compared) -> list[Row]:
    images = compared.draw([row.indices for row in rows])
    names = [[compared.names[index] for index in row.indices] for row in rows]
    drawn_rows = zip(rows, images, names, strict=True)
    return [Row(row.label, pictures, named, row.distances) for row, pictures, named in drawn_rows]


def to_csv(found: Similarities, compared: Compared) -> str:
    """A row for each: how odd it is, its group of duplicates, its nearest and how far they are."""
    names = compared.names
    group_of = {index: number for number, group in enumerate(found.duplicates, start=1) for index in group}
    k = found.neighbours.shape[1]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    nearest = [f"{what}_{number}" for number in range(1, k + 1) for what in ("nearest", "distance")]
    writer.writerow([compared.noun, "oddness", "is_odd", "duplicate_group", *nearest])
    odd = set(found.odd)
    for index, name in enumerate(names):
        pairs = zip(found.neighbours[index], found.distances[index], strict=True)
        cells = [cell for other, distance in pairs for cell in (names[other], f"{distance:.6g}")]
        writer.writerow([name, f"{found.oddness[index]:.6g}", index in odd, group_of.get(index, ""), *cells])
    return text.getvalue()
