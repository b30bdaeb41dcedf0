"""Reports of several runs or data sets side by side: trained on by tested on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aectl.evaluation.report import Report
from aectl.evaluation.shared_figure import draw_runs
from aectl.plots.figures import Figure, tell_apart

SAME = "the same {0.modality.name} under each run, mean PSNR of all {0.protocol[n]:,}"
VARIED = ("split", "seed", "binarize", "batch_size")  # keys of the protocol that a column names if they differ


@dataclass(frozen=True)
class CrossTable:
    """Reports as a table: a row for each run, a column for everything that it was tested on."""

    reports: Sequence[Report]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(map(self.column_of, self.reports)))

    @property
    def rows(self) -> dict[str, dict[str, Report]]:
        rows: dict[str, dict[str, Report]] = {}
        for report in self.reports:
            row = rows.setdefault(f"{report.trained_on} · {report.model} · {report.run}", {})
            row[self.column_of(report)] = report
        return rows

    def column_of(self, report: Report) -> str:
        """The task and data set of a report, and whatever else differs between reports."""
        varied = [key for key in VARIED if len({other.protocol[key] for other in self.reports}) > 1]
        return " · ".join([report.task, report.dataset, *(f"{key} {report.protocol[key]}" for key in varied)])

    def draw(self) -> dict[str, Figure]:
        """For each column with several runs on images a figure of the same images under each of them."""
        drawn: dict[str, Figure] = {}
        for column in self.columns:
            reports = [report for report in self.reports if self.column_of(report) == column]
            shown = {name: each.shown for name, each in zip(row_names(reports), reports, strict=True) if each.shown}
            figure = draw_runs(shown, f"{column}: {SAME.format(reports[0])}") if len(shown) > 1 else None
            drawn |= {column: figure} if figure else {}
        return drawn

    def to_list(self) -> list[dict[str, Any]]:
        return [
            {
                "run": report.run,
                "model": report.model,
                "trained_on": report.trained_on,
                "tested_on": report.dataset,
                "task": report.task,
                "protocol": report.protocol,
                "psnr": asdict(report.scores["psnr"]),
                "verdict": asdict(report.verdict) if report.verdict else None,
                "baselines": {name: row.get("psnr") for name, row in report.to_dict()["baselines"].items()},
            }
            for report in self.reports
        ]


def row_names(reports: Sequence[Report]) -> list[str]:
    """A short name for each run with its PSNR: the model, with what tells it from the others."""
    psnr = [f"{report.scores['psnr'].mean:.2f} dB" for report in reports]
    names = [report.model for report in reports]
    if any(report.trained_on != report.dataset for report in reports):
        names = [f"{report.model}, {report.trained_on}" for report in reports]
    names = tell_apart(names, [report.run for report in reports])
    return [f"{name}   {score}" for name, score in zip(names, psnr, strict=True)]
