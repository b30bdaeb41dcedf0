"""Reports of several runs or data sets side by side: trained on by tested on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aectl.evaluation.report import Report

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
