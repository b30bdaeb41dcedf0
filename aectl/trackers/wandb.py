"""Runs on Weights & Biases."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from aectl.trackers.base import Hyperparameter, Tracker, channels_last, latent_rows, require_package


class WandB(Tracker):
    """Logs to Weights & Biases or, offline, to files in the run's folder `wandb` for `wandb sync`.

    The file `wandb.id` in a run's folder holds its id there, which a resumed run continues. Weights & Biases cannot
    remove points: steps that are trained again appear twice.

    Arguments:
        project: the project that the runs belong to.
        entity: user or team; null for the default one.
        mode: `online`, or `offline` to write files only.
    """

    def __init__(self, project: str, entity: str | None, mode: Literal["online", "offline"]) -> None:
        require_package("wandb")
        self.project, self.entity, self.mode = project, entity, mode

    def start(self, folder: Path, name: str, last_step: int) -> None:
        import wandb

        stored = folder / "wandb.id"
        run_id = stored.read_text() if stored.is_file() else secrets.token_hex(4)
        stored.write_text(run_id)
        self.run = wandb.init(
            project=self.project,
            entity=self.entity,
            mode=self.mode,
            dir=str(folder),
            id=run_id,
            name=name,
            resume="allow" if self.mode == "online" else None,
            settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_machine_info=True),
        )
        self.run.define_metric("*", step_metric="step")

    def log_scalars(self, values: Mapping[str, float], step: int) -> None:
        self.run.log({**values, "step": step})

    def log_image(self, name: str, picture: Tensor, step: int) -> None:
        import wandb

        self.run.log({name: wandb.Image(channels_last(picture)), "step": step})

    def log_embedding(self, latents: Tensor, labels: list[str] | None, images: Tensor | None) -> None:
        import wandb

        header, *rows = latent_rows(latents, labels)
        if images is not None:
            header.append("image")
            shown = (255 * images).round()  # the scale of wandb.Image
            rows = [[*row, wandb.Image(channels_last(x))] for row, x in zip(rows, shown, strict=True)]
        self.run.log({"latents": wandb.Table(header, rows)})

    def log_hyperparameters(self, values: Mapping[str, Hyperparameter], metrics: Mapping[str, float]) -> None:
        self.run.config.update(dict(values), allow_val_change=True)
        self.run.summary.update(dict(metrics))

    def close(self, status: str) -> None:
        self.run.finish(exit_code=0 if status == "done" else 1)

    def view_command(self, outputs: str) -> str | None:
        return f"wandb sync {self.run.settings.sync_dir}" if self.mode == "offline" else None
