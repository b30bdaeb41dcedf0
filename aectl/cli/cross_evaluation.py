"""What Hydra calls around several evaluations in one command: prints them as a table, trained on by tested on."""

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
        """Prints the table if there is more than one report."""
        if len(self.results) < 2:
            return
        from aectl.evaluation import tables
        from aectl.evaluation.cross_table import CrossTable

        table = CrossTable(self.results)
        tables.print_cross_table(table)
        print(f"wrote {write_json(common_folder(config) / 'matrix.json', table.to_list())}")
