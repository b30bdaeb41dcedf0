"""What Hydra calls around `aectl sample RUN_A RUN_B`: draws the samples of all runs in one picture."""

from typing import Any

from omegaconf import DictConfig

from aectl.cli.job_results import JobResults, common_folder


class SharedSamples(JobResults):
    """Writes the grids of samples side by side, if there are several."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        if len(self.results) < 2:
            return
        from aectl.plots import figures

        titles = figures.tell_apart([drawn.title for drawn in self.results], [drawn.run for drawn in self.results])
        named = {title: drawn.picture for title, drawn in zip(titles, self.results, strict=True)}
        path = common_folder(config) / "samples.png"
        print(f"wrote {figures.save_figure(figures.panels(named), path, tight=False)}")
