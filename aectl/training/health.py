"""Training health checks: warns once about a collapsed posterior, dead layers, outputs that restore nothing, ..."""

from collections import Counter
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from aectl.errors import notify
from aectl.evaluation.active_units import unit_variances
from aectl.evaluation.advice import Circumstances, suggest_improvement
from aectl.evaluation.loss_terms import NEGATIVE
from aectl.modalities import Images
from aectl.models.capabilities import HasBeta, HasKL, HasLatent
from aectl.rng import seeded_rng
from aectl.training.dead_weights import Marks, mark, still_marked, trained_weights, without_gradient
from aectl.training.health_checks import (
    constant_output,
    dead_codes,
    dead_weights,
    no_gain,
    posterior_collapse,
    saturated_discriminator,
    saturated_outputs,
)
from aectl.training.previews import first_examples
from aectl.training.system import System
from aectl.types import PositiveInt


class HealthCheck(Callback):
    """Checks codes, outputs, the gain in PSNR, the weights and the losses of discriminators after every epoch.

    Arguments:
        patience: epochs or validations in a row with the same problem before it is reported; young models have most
            of them.
        n: validation examples that are checked.
    """

    def __init__(self, patience: PositiveInt, n: PositiveInt) -> None:
        self.patience = patience
        self.n = n
        self.in_a_row: Counter[str] = Counter()
        self.said: set[str] = set()
        self.unmoved: Marks | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.unmoved is None:
            self.unmoved = mark(trained_weights(cast(System, pl_module).model))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at the gradients of the last step of an epoch, which Lightning drops before the validation."""
        if trainer.is_last_batch:
            weights = trained_weights(cast(System, pl_module).model)
            self.unmoved = still_marked(weights, self.unmoved or {})
            dead = sorted(self.unmoved.keys() | without_gradient(weights), key=list(weights).index)
            self._report(trainer, "weights", dead_weights(dead, len(weights), have_moved={*dead} != {*self.unmoved}))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            for name, line in self.find_problems(trainer, cast(System, pl_module)).items():
                self._report(trainer, name, line)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        gain = trainer.callback_metrics.get("val/psnr_gain")
        if gain is not None and not trainer.sanity_checking:
            advice = suggest_improvement(cast(System, pl_module).model, Circumstances(restores=True))
            self._report(trainer, "gain", no_gain(float(gain), advice))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        nll = trainer.callback_metrics.get("train/nll")
        if nll is not None and nll < 0:
            self._tell(trainer, "negative", f"the loss may fall below 0: {NEGATIVE}")
        for player in sorted(cast(System, pl_module).model.discriminators):
            loss = trainer.callback_metrics[f"train/{player}/loss"]
            self._report(trainer, player, saturated_discriminator(player, float(loss)))

    def find_problems(self, trainer: Trainer, system: System) -> dict[str, str | None]:
        """Each problem by name, with a line if the model has it now."""
        model = system.model
        model.eval()
        batch = first_examples(trainer, system, self.n)
        if len(batch["x"]) < 2:
            return {}
        with torch.inference_mode(), seeded_rng(system.seed, system.device):
            example = system.task(**batch)
            output = system.task.keep_known(model.reconstruct(example.input, example.cond), example.input)
            codes = model.embed(example.input, example.cond)
        found: dict[str, str | None] = {}
        if isinstance(model, HasKL):
            found["code"] = posterior_collapse(codes, isinstance(model, HasBeta))
        elif isinstance(model, HasLatent):
            found["code"] = dead_codes(unit_variances(codes))
        if isinstance(system.modality, Images):
            found["saturated"] = saturated_outputs(output, example.target)
        found["constant"] = None if any(found.values()) else constant_output(output, example.target)
        return found

    def _report(self, trainer: Trainer, name: str, line: str | None) -> None:
        self.in_a_row[name] = self.in_a_row[name] + 1 if line else 0
        if line and self.in_a_row[name] >= self.patience:
            self._tell(trainer, name, line)

    def _tell(self, trainer: Trainer, name: str, line: str) -> None:
        """Prints a line, once."""
        if name not in self.said:
            self.said.add(name)
            notify(f"epoch {trainer.current_epoch + 1}: {line}")

    def state_dict(self) -> dict[str, Any]:
        return {"in_a_row": dict(self.in_a_row), "said": sorted(self.said), "unmoved": self.unmoved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.in_a_row = Counter(state_dict["in_a_row"])
        self.said = set(state_dict["said"])
        self.unmoved = state_dict.get("unmoved")  # version 0.1 did not look at weights
