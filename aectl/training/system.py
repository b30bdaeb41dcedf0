"""The only LightningModule: lets a task pose each batch and a model learn from it."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from aectl.data.loader import Batch
from aectl.example import Example
from aectl.modalities import modality_for
from aectl.models.base import Autoencoder
from aectl.rng import seeded_rng
from aectl.tasks.base import Task
from aectl.training.compile import Compiled
from aectl.training.epoch_means import EpochMeans
from aectl.training.validation_metrics import ReconstructionScores


class PlayerStep(NamedTuple):
    """What a player's step is made from.

    Arguments:
        player: whose turn it is.
        example: what the loss was computed of.
        terms: the loss and its terms.
    """

    player: str
    example: Example
    terms: dict[str, Tensor]


class System(LightningModule):
    """A model on a task under an optimizer.

    Arguments:
        model: what is trained.
        task: what it is trained to do.
        optimizer: parameters to optimizer; each player of the model gets one.
        schedule: the share of the run that is done to a factor on the learning rate.
        clip: the largest norm of a player's gradient, or none.
        seed: fixes the corruption and the latent draws of validation, the same in every epoch.
        compile: let torch compile the loss of batches of this many examples; 0 for none.
        channels_last: keep the channels of images together in memory; what is compiled arranges them itself.
    """

    def __init__(
        self,
        model: Autoencoder,
        task: Task,
        optimizer: Callable[[list[torch.nn.Parameter]], Optimizer],
        schedule: Callable[[float], float],
        clip: float | None,
        seed: int,
        compile: int = 0,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.task = task
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.seed = seed
        self.compile_size = compile
        self.channels_last = channels_last
        self.automatic_optimization = len(model.players) == 1
        self.compiled: Compiled[[Example, str], dict[str, Tensor]] | None = None
        self.means = {"train": EpochMeans(only_finite=True), "val": EpochMeans()}
        self.scores = ReconstructionScores()
        self.turn: PlayerStep | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        """Without torch's search for parameters where Lightning notes which hook it is in, some forty times a step."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def on_fit_start(self) -> None:
        if self.compile_size:
            self.compiled = Compiled(self.model.loss, self.device)
        self.channels_last &= not (self.compiled and self.compiled.fast)
        if self.channels_last:
            self.model.to(memory_format=torch.channels_last)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        batch = {**batch, "x": modality_for(batch["x"].shape[1:]).to_model(batch["x"])}
        if self.channels_last and batch["x"].ndim == 4:
            batch["x"] = batch["x"].contiguous(memory_format=torch.channels_last)
        return batch

    def on_train_epoch_start(self) -> None:
        self.model.start_epoch(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        example = self.task(**batch)
        if self.automatic_optimization:
            return self._score(example, "autoencoder")
        optimizers = cast(list[LightningOptimizer], self.optimizers())
        schedulers = cast(list[LambdaLR], self.lr_schedulers())
        for player, optimizer, scheduler in zip(self.model.players, optimizers, schedulers, strict=True):
            self.toggle_optimizer(optimizer)
            optimizer.zero_grad()
            self.manual_backward(self._score(example, player, f"{player}/"))
            optimizer.step()
            scheduler.step()
            self.untoggle_optimizer(optimizer)
        return None

    def on_validation_epoch_start(self) -> None:
        self.scores.reset()

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        with seeded_rng(self.seed + batch_idx, self.device):
            example = self.task(**batch)
            terms, scores, scored = self.scores.loss_and_scores(self.model, example)
            self.means["val"].add(terms, len(example.target))
            if scored:
                self.means["val"].add(scores, scored)
            return terms["loss"]

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        self.turn = None  # or the batch would take memory beside the next one
        if self.trainer.is_last_batch or self.trainer.should_stop:
            self._log_means("train")

    def on_validation_epoch_end(self) -> None:
        self._log_means("val")

    def _log_means(self, split: str) -> None:
        """Logs the mean of each term over the epoch; Lightning's own would cost as much as a small net's arithmetic."""
        means = {f"{split}/{name}": mean for name, mean in self.means[split].take().items()}
        self.log_dict(means, on_step=False, on_epoch=True, batch_size=1)

    def _score(self, example: Example, player: str, prefix: str = "") -> Tensor:
        loss = self.compiled if self.compiled and len(example.target) == self.compile_size else self.model.loss
        terms = loss(example, player)
        self.turn = PlayerStep(player, example, terms)
        self.means["train"].add({prefix + name: term for name, term in terms.items()}, len(example.target))
        return terms["loss"]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clips where Lightning leaves it to the module, after the callbacks have seen the gradients as they are."""
        if not self.automatic_optimization:
            self.configure_gradient_clipping(optimizer)

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        if self.clip is not None:
            self.clip_gradients(optimizer, self.clip, "norm")

    def configure_optimizers(self) -> Any:
        optimizers = [self.optimizer(parameters) for parameters in self.model.players.values()]
        total = self.trainer.estimated_stepping_batches

        def factor(step: int) -> float:
            return self.schedule(step / total)

        return optimizers, [{"scheduler": LambdaLR(o, factor), "interval": "step"} for o in optimizers]
