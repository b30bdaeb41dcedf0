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

        titles = [drawn.title for drawn in self.results]
        named = {
            title if titles.count(title) == 1 else f"{number}: {title}": drawn.picture
            for number, (title, drawn) in enumerate(zip(titles, self.results, strict=True), start=1)
        }
        path = common_folder(config) / "samples.png"
        print(f"wrote {figures.save_figure(figures.panels(named), path, tight=False)}")
