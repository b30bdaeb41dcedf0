"""The only LightningModule: the task poses each batch, and each player of the model learns from it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from aectl.data.loader import Batch, Batches
from aectl.data.sharding import Share
from aectl.devices import num_processes
from aectl.evaluation.loss_terms import CHANCE
from aectl.example import Example
from aectl.modalities import Modality
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng
from aectl.tasks.base import Task
from aectl.training import processes
from aectl.training.compile import Compiled
from aectl.training.epoch_means import EpochMeans
from aectl.training.lightning_internals import QuickModule, accumulate_manually, ends_step
from aectl.training.lr_schedulers import Schedule, TorchSchedule, lightning_config
from aectl.training.monitor import UnknownMetricError
from aectl.training.optimizers import MakeOptimizer
from aectl.training.validation_metrics import ReconstructionScores


class PlayerStep(NamedTuple):
    """What a player's step is computed from.

    Arguments:
        player: who learns in this step.
        example: the batch as the task poses it.
        terms: the loss and its terms.
    """

    player: str
    example: Example
    terms: dict[str, Tensor]


WHOLE = Share.of(1, process=0, processes=1)
"""The share of the only process, of any batch."""


class System(QuickModule):
    """A model, its task and its optimizers, as Lightning trains them.

    Arguments:
        model: what is trained.
        task: what it is trained to do.
        modality: what an example is.
        optimizers: for each player of the model, what makes its optimizer from its parameters.
        schedule: the factor on the learning rates at each fraction of the run, or a scheduler of torch's.
        clip: the largest norm of a player's gradient, or none.
        seed: fixes the degradation and the latents of validation, the same in every epoch.
        compile: let torch compile the loss of batches of this many examples; 0 for none.
        channels_last: keep the channels of images together in memory; what is compiled arranges them itself.
        accumulate: the batches of a step, if there are several players; Lightning knows it if there is one.
        augment: changes the examples of a training batch before the task poses them.

    Attributes:
        current: the step that is being computed.
        share: what this process computes of the batch.
        derived_terms: functions from the means of an epoch to further ones, which are logged too.
        rates: the learning rates at the start of the running epoch.
    """

    def __init__(
        self,
        model: Autoencoder,
        task: Task,
        modality: Modality,
        optimizers: Mapping[str, MakeOptimizer],
        schedule: Schedule,
        clip: float | None,
        seed: int,
        compile: int = 0,
        channels_last: bool = False,
        accumulate: int = 1,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.augment = augment or nn.Identity()
        self.task = task
        self.modality = modality
        self.make_optimizers = optimizers
        self.schedule = schedule
        self.clip = clip
        self.seed = seed
        self.compile_size = compile
        self.channels_last = channels_last
        self.accumulate = accumulate
        self.automatic_optimization = len(model.players) == 1
        self.compiled: Compiled[[Example, str], dict[str, Tensor]] | None = None
        self.means = {
            "train": EpochMeans(only_finite=True, gather=processes.gather),
            "val": EpochMeans(gather=processes.gather),
        }
        self.scores = ReconstructionScores(task, self.modality)
        self.current: PlayerStep | None = None
        self.share = WHOLE
        self.is_shared = False
        self.derived_terms: list[Callable[[dict[str, float]], dict[str, float]]] = [self._chance_levels]
        self.rates: dict[str, float] = {}

    def setup(self, stage: str) -> None:
        if not self.automatic_optimization:
            accumulate_manually(self.trainer, self.accumulate)

    def configure_optimizers(self) -> Any:
        optimizers = [self.make_optimizers[player](parameters) for player, parameters in self.model.players.items()]
        steps, epochs = self._num_steps, self.trainer.max_epochs or 1
        schedulers = [lightning_config(self.schedule, optimizer, steps, epochs) for optimizer in optimizers]
        if self.automatic_optimization and self._watched:
            on_plateau = {"monitor": self._watched, "frequency": self.trainer.check_val_every_n_epoch}
            schedulers = [{**scheduler, **on_plateau} for scheduler in schedulers]
        return optimizers, schedulers

    @property
    def _num_steps(self) -> int:
        """The steps of each player in the whole training."""
        steps = int(self.trainer.estimated_stepping_batches)
        limit = self.trainer.max_steps
        return min(steps, limit // len(self.model.players)) if limit > 0 else steps

    @property
    def _watched(self) -> str | None:
        """The metric that the schedule looks at, if any."""
        return self.schedule.watched if isinstance(self.schedule, TorchSchedule) else None

    def on_fit_start(self) -> None:
        self.is_shared = num_processes() > 1
        batches = int(self.trainer.num_training_batches) * (self.trainer.max_epochs or 1)
        self.model.start_training(min(batches, self._num_steps * self.trainer.accumulate_grad_batches))
        if self.compile_size:
            self.compiled = Compiled(self.model.loss, self.device)
        self.channels_last &= not (self.compiled and self.compiled.fast)
        if self.channels_last:
            self.model.to(memory_format=torch.channels_last)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        batch = {**batch, "x": self.modality.to_model(batch["x"])}
        if self.channels_last and batch["x"].ndim == 4:
            batch["x"] = batch["x"].contiguous(memory_format=torch.channels_last)
        return batch

    def on_train_epoch_start(self) -> None:
        self.model.start_epoch(self.current_epoch)
        self.rates = self.rates or self._learning_rates()

    def _learning_rates(self) -> dict[str, float]:
        rates = [optimizer.param_groups[0]["lr"] for optimizer in self.trainer.optimizers]
        return {"lr" if len(rates) == 1 else f"lr/{index}": rate for index, rate in enumerate(rates)}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | dict[str, Tensor]:
        """The loss, for Lightning to step by; of several players, who have stepped here, the loss of each."""
        self.share = self._share(self.trainer.train_dataloader, batch_idx)
        with self.share.draws():
            return self._step(batch, batch_idx)

    def _share(self, batches: Any, batch_idx: int) -> Share:
        return cast(Batches, batches).share(batch_idx) if self.is_shared else WHOLE

    def _step(self, batch: Batch, batch_idx: int) -> Tensor | dict[str, Tensor]:
        example = self.pose(batch)
        if self.automatic_optimization:
            return self._loss(example, "autoencoder")
        optimizers = cast(list[LightningOptimizer], self.optimizers())
        schedulers = cast(list[LRScheduler], self.lr_schedulers())
        by_step = self.schedule.by_step if isinstance(self.schedule, TorchSchedule) else True
        losses: dict[str, Tensor] = {}
        for player, optimizer, scheduler in zip(self.model.players, optimizers, schedulers, strict=True):
            self.toggle_optimizer(optimizer)
            if batch_idx % self.accumulate == 0:
                optimizer.zero_grad()
            loss = self._loss(example, player, f"{player}/")
            self.manual_backward(loss / self.accumulate)
            if ends_step(self.trainer):
                optimizer.step()
                if by_step:
                    scheduler.step()
            self.untoggle_optimizer(optimizer)
            losses[player] = loss.detach()
        return losses

    def pose(self, batch: Batch) -> Example:
        """A training batch, augmented, as the task poses it and the loss counts it."""
        return self.task.for_loss(self.task(**{**batch, "x": self.augment(batch["x"])}))

    def _loss(self, example: Example, player: str, prefix: str = "") -> Tensor:
        loss = self.compiled if self.compiled and len(example.target) == self.compile_size else self.model.loss
        terms = loss(example, player)
        self.current = PlayerStep(player, example, terms)
        self.means["train"].update({prefix + name: term for name, term in terms.items()}, self._count(example))
        return terms["loss"] if self.share.is_whole else terms["loss"] * self.share.weight

    def _count(self, example: Example) -> int:
        """The examples that count: all of the only process."""
        return len(example.target) if self.share.is_whole else self.share.size

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips where Lightning leaves it to the module, after the callbacks have seen the gradients as they are."""
        if not self.automatic_optimization:
            self.configure_gradient_clipping(optimizer)

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        if self.clip is None:
            return
        if self.trainer.precision == "bf16-mixed":  # scales no gradients, yet Lightning clips none of a fused optimizer
            clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], self.clip)
        else:
            self.clip_gradients(optimizer, self.clip, "norm")

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.current = None  # or the batch would take memory beside the next one
        if self.trainer.is_last_batch or self.trainer.should_stop:
            self._log_means("train", self.rates)
            self.rates = {}

    def on_train_epoch_end(self) -> None:
        """Steps the schedulers of several players that go by epochs, which Lightning leaves to the module."""
        metrics = self.trainer.callback_metrics
        if self._watched and self._watched not in metrics:
            raise UnknownMetricError("schedule.monitor", self._watched, metrics)
        if self.automatic_optimization or not isinstance(self.schedule, TorchSchedule) or self.schedule.by_step:
            return
        for scheduler in cast(list[Any], self.lr_schedulers()):
            scheduler.step(*[metrics[self._watched]] if self._watched else [])

    def on_validation_epoch_start(self) -> None:
        batch_size = cast(Batches, self.trainer.val_dataloaders).batch_size
        self.scores.start(num_trained=self.trainer.num_training_batches * batch_size)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.share = self._share(self.trainer.val_dataloaders, batch_idx)
        with seeded_rng(self.seed + batch_idx, self.device), self.share.draws():
            example = self.task(**batch)
            share = None if self.share.is_whole else self.share
            terms, scores, scored = self.scores.loss_and_scores(self.model, example, share)
            self.means["val"].update(terms, self._count(example))
            if scored:
                self.means["val"].update(scores, scored)

    def on_validation_epoch_end(self) -> None:
        self._log_means("val", {})

    def _log_means(self, split: str, more: dict[str, float]) -> None:
        """Logs the mean of each term over the epoch; Lightning's own means would cost as much as a small net."""
        means = self.means[split].compute() | {name: float(term) for name, term in self.model.epoch_terms().items()}
        for derive in self.derived_terms:
            means |= derive(means)
        logged = {f"{split}/{name}": mean for name, mean in means.items()}
        self.log_dict({**more, **logged}, on_step=False, on_epoch=True, batch_size=1)

    def _chance_levels(self, means: dict[str, float]) -> dict[str, float]:
        """The loss of guessing, as a curve beside that of each discriminator."""
        return {f"{player}/chance": CHANCE for player in self.model.discriminators if f"{player}/loss" in means}

    def epoch_state(self) -> dict[str, Any]:
        """What has been gathered of the running epoch, for a run that is resumed in it."""
        return {"means": self.means["train"].state_dict(), "rates": self.rates}

    def restore_epoch(self, state: dict[str, Any]) -> None:
        """Restores what `epoch_state` returned; version 0.1 kept the rates among Lightning's sums."""
        if processes.is_main():  # which has those of all
            self.means["train"].load_state_dict(state["means"])
        logged = {name.partition(".")[2]: float(value) for name, (value, _) in state.get("sums", {}).items()}
        self.rates = state.get("rates") or {name: value for name, value in logged.items() if name.startswith("lr")}
