"""What a search has found: the best job, or those that no other beats in everything."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aectl.io.tables import make_table, print_table
from aectl.search.jobs import Job, Jobs
from aectl.search.objectives import pareto_front, summary_numbers

PICTURE = "pareto.png"


class Found(NamedTuple):
    """The jobs of a search that have ended well.

    Arguments:
        objectives: keys of the summary, each `min` or `max`.
        jobs: of the search.
        points: what each job has reached, NaN where it is unknown.
        front: the indices of those on the Pareto front, by the first objective.
    """

    objectives: Mapping[str, str]
    jobs: list[Job]
    points: list[list[float]]
    front: list[int]

    @classmethod
    def read(cls, store: Jobs, objectives: Mapping[str, str]) -> "Found":
        jobs = [job for job in store.all() if job.status in ("done", "pruned")]
        numbers = [summary_numbers(store.run_folder(job)) for job in jobs]
        points = [[found.get(key, math.nan) for key in objectives] for found in numbers]
        front = pareto_front(points, list(objectives.values()))
        return cls(objectives, jobs, points, sorted(front, key=lambda index: points[index][0]))


def print_findings(folder: Path, objectives: Mapping[str, str]) -> None:
    """Prints the best job by the objective; of several a table, and draws a picture, with the Pareto front."""
    store = Jobs(folder)
    found = Found.read(store, objectives)
    if found.front and len(objectives) > 1:
        print_front(found)
        draw(found, folder / PICTURE)
        print(f"Pareto front: {folder / PICTURE}")
    elif found.front:
        best = found.front[0]
        job, value = found.jobs[best], found.points[best][0]
        print(f"best {next(iter(objectives))} {value:.4g}: job {job.number}, {store.run_folder(job)}")


def print_front(found: Found) -> None:
    others = sorted({*range(len(found.jobs))} - {*found.front}, key=lambda index: found.points[index][0])
    heads = [f"{key} ({way})" for key, way in found.objectives.items()]
    title = f"{len(found.front)} of {len(found.jobs)} jobs are on the Pareto front"
    table = make_table(title, ["job", *heads, "front"])
    for index in (*found.front, *others):
        values = [f"{value:,.0f}" if value.is_integer() else f"{value:.4g}" for value in found.points[index]]
        table.add_row(str(found.jobs[index].number), *values, "*" if index in found.front else "")
    print_table(table)


def draw(found: Found, path: Path) -> None:
    import numpy as np

    from aectl.plots.figures import save_figure
    from aectl.plots.pareto import pareto_figure

    more, names = [way == "max" for way in found.objectives.values()], [str(job.number) for job in found.jobs]
    save_figure(pareto_figure(np.array(found.points), found.front, list(found.objectives), more, names), path)
