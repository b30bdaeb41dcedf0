"""What Hydra calls around several evaluations in one command: prints them as a table, trained on by tested on."""

import re
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from aectl.cli.job_results import JobResults, common_folder
from aectl.io.atomic import write_json

if TYPE_CHECKING:
    from aectl.evaluation import Report


class CrossEvaluation(JobResults):
    """Prints the reports of the jobs of `aectl eval` side by side, and draws the runs on the same images."""

    results: "list[Report]"

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Prints the table and writes the pictures if there is more than one report."""
        if len(self.results) < 2:
            return
        from aectl.cli.open_run import print_written
        from aectl.evaluation import tables
        from aectl.evaluation.cross_table import CrossTable
        from aectl.plots import figures

        table = CrossTable(self.results)
        tables.print_cross_table(table)
        folder = common_folder(config)
        drawn = {re.sub(r"[^\w.]+", "-", column): figure for column, figure in table.draw().items()}
        pictures = [figures.save_figure(figure, folder / f"{name}.png") for name, figure in drawn.items()]
        print_written(write_json(folder / "matrix.json", table.to_list()), *pictures)
