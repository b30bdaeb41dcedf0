"""`aectl similar`: the pictures of a folder that are alike, the same, or unlike all others."""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aectl.cli.open_run import input_files, output_folder, print_written, run_command
from aectl.errors import UserError
from aectl.inference.picture_latents import encode_pictures, read_frame
from aectl.inference.restoration import require_images
from aectl.inference.similarity import Similarities, compare
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_text
from aectl.io.tables import make_table, print_table
from aectl.modalities.image_files import UnreadableError
from aectl.plots import figures
from aectl.plots.contact_sheet import Row, contact_sheet
from aectl.types import NonNegativeInt, PositiveInt

SIDE = 96  # pixels of a picture on the sheet
ROWS, OF_A_KIND = 12, 4  # on the sheet: in all, and of duplicates and of odd ones
LISTED = 10  # rows of a table on the screen


@run_command
def main(
    trained: TrainedRun, input: str | None, label: NonNegativeInt | None, neighbours: PositiveInt, output: str | None
) -> None:
    """Writes a table of all pictures and a contact sheet; exit status 1 if a file could not be read."""
    require_images(trained)
    if input is None:
        raise UserError("input: no pictures to compare; give input=FOLDER")
    root, files = input_files(input)
    failed: list[UnreadableError] = []
    read, codes = encode_pictures(trained, files, label, failed.append)
    for error in failed:
        print(error, file=sys.stderr)
    if len(read) < 2:
        raise UserError(f"input={input}: expected a folder of two or more pictures to compare; found {len(read)}")
    warn_without_bottleneck(trained, codes.shape[1])
    found = compare(codes, neighbours)
    names = [str(file.relative_to(root)) for file in read]
    print_found(found, names)
    folder = output_folder(trained.run, output, "similar")
    title = f"{trained.run.title}: nearest in latent space\n(1 is the median distance of two pictures)"
    sheet = contact_sheet(list(choose_rows(found, read, names)), title)
    table = write_text(folder / "similar.csv", to_csv(found, names))
    print_written(table, figures.save_figure(sheet, folder / "similar.png"))
    if failed:
        raise SystemExit(1)


def warn_without_bottleneck(trained: TrainedRun, numbers: int) -> None:
    """Says that a code as long as the picture compares pixels."""
    if numbers >= np.prod(trained.model.input_shape):
        print(
            f"aectl similar: the code of this run has {numbers:,} numbers, no fewer than the picture has values, so "
            "that pixels are compared; a short code compares what is on the pictures: "
            "aectl train dataset=folder dataset.root=FOLDER model.latent_dim=32",
            file=sys.stderr,
        )


def print_found(found: Similarities, names: list[str]) -> None:
    """Prints the duplicates and the odd ones out, the most striking first."""
    print(f"pictures: {len(names)}, groups of duplicates: {len(found.duplicates)}, odd ones out: {len(found.odd)}\n")
    if found.duplicates:
        table = make_table("duplicates", ["picture", "the same as"], left=["the same as"])
        for group in found.duplicates[:LISTED]:
            table.add_row(names[group[0]], ", ".join(names[index] for index in group[1:LISTED]))
        print_table(table)
    if found.odd:
        table = make_table("odd ones out", ["picture", "mean distance", "nearest"], left=["nearest"])
        for index in found.odd[:LISTED]:
            table.add_row(names[index], f"{found.oddness[index]:.2f}", names[found.neighbours[index, 0]])
        print_table(table)


def choose_rows(found: Similarities, files: list[Path], names: list[str]) -> Iterator[Row]:
    """Rows of the sheet: groups of duplicates, odd ones with their nearest, then some of the others with theirs."""
    width = found.neighbours.shape[1] + 1
    shown: set[int] = set()
    for number, group in enumerate(found.duplicates[:OF_A_KIND]):
        yield picture_row("" if number else "duplicates", group[:width], files, names)
        shown.update(group)
    for number, index in enumerate(found.odd[:OF_A_KIND]):
        yield nearest_row("" if number else "odd ones out", index, found, files, names)
        shown.add(index)
    rest = [index for index in range(len(files)) if index not in shown]
    places = min(len(rest), ROWS - min(OF_A_KIND, len(found.duplicates)) - min(OF_A_KIND, len(found.odd)))
    for number in range(places):
        index = rest[number * len(rest) // places]
        yield nearest_row("" if number else "nearest", index, found, files, names)


def nearest_row(label: str, index: int, found: Similarities, files: list[Path], names: list[str]) -> Row:
    """A picture and its nearest, with how far they are in typical distances."""
    distances = found.distances[index] / (found.typical or 1.0)
    indices = [index, *found.neighbours[index].tolist()]
    return picture_row(label, indices, files, names, [None, *distances.tolist()])


def picture_row(
    label: str, indices: list[int], files: list[Path], names: list[str], distances: list[float | None] | None = None
) -> Row:
    frames = np.stack([read_frame(files[index], (3, SIDE, SIDE)) for index in indices]) / np.float32(255)
    return Row(label, frames, [names[index] for index in indices], distances or [None] * len(indices))


def to_csv(found: Similarities, names: list[str]) -> str:
    """A row for each picture: how odd it is, its group of duplicates, its nearest and how far they are."""
    group_of = {index: number for number, group in enumerate(found.duplicates, start=1) for index in group}
    k = found.neighbours.shape[1]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    nearest = [f"{what}_{number}" for number in range(1, k + 1) for what in ("nearest", "distance")]
    writer.writerow(["picture", "oddness", "is_odd", "duplicate_group", *nearest])
    odd = set(found.odd)
    for index, name in enumerate(names):
        pairs = zip(found.neighbours[index], found.distances[index], strict=True)
        cells = [cell for other, distance in pairs for cell in (names[other], f"{distance:.6g}")]
        writer.writerow([name, f"{found.oddness[index]:.6g}", index in odd, group_of.get(index, ""), *cells])
    return text.getvalue()
