"""Runs the task's baselines on the very images that the model was scored on. What was computed once is kept."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from aectl import __version__
from aectl.config import to_plain
from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.errors import one_line
from aectl.evaluation.cache import Cache, fingerprint
from aectl.evaluation.scores import MeanCI, Scores, concatenate_scores, first_scores, mean_ci, score
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.tasks.baselines.base import Baseline, Pairs, State

FIT_VALUES = 2**27
"""Numbers, at most, in the training inputs or targets of a fit: half a gigabyte."""
VAL_IMAGES = 200
"""Validation images that a filter's setting is chosen on."""
BATCH_SIZE = 500
LIBRARIES = ("numpy", "pillow", "scikit-image", "scikit-learn", "torch")


@dataclass(frozen=True)
class BaselineRow:
    """A baseline in the table.

    Arguments:
        baseline: the method.
        scores: those of each image that it was run on, the first ones of the split.
        setting: what it was fitted to, in words.
        error: why it has no scores.
    """

    baseline: Baseline
    scores: Scores | None = None
    setting: str = ""
    error: str | None = None

    @property
    def n(self) -> int:
        """The images that it was run on."""
        return 0 if self.scores is None else len(self.scores["psnr"])

    def margin(self, model: Scores) -> MeanCI | None:
        """By how many dB of PSNR the model beats it, over exactly the images that both have."""
        if self.scores is None:
            return None
        return mean_ci(model["psnr"][: self.n] - self.scores["psnr"])


@dataclass(frozen=True)
class BaselineComparison:
    """The baselines of a task, on a data set.

    Arguments:
        home: the run, with the data set that it was trained on: what the baselines are fitted on.
        away: the run, with the data set that it is tested on. No model is used.
        cache: where fits and scores are kept.
        slow_images: the images, the first ones of the split, that slow baselines are run on.
    """

    home: TrainedRun
    away: TrainedRun
    cache: Cache
    slow_images: int

    def rows(self, batches: Batches, latent_size: int) -> list[BaselineRow]:
        """Every baseline on the batches; one that cannot be had is a row that says why."""
        tested = {
            "test": fingerprint(batches.split.x.numpy()),
            "batch_size": batches.batch_size,
            "seed": self.away.seed,
            "device": self.away.device.type,  # the same seed draws other noise on another kind
        }
        baselines = self.home.run.task.baselines(self.home.run.data.source.shape, latent_size)
        return [self._row(baseline, batches, tested) for baseline in track(baselines, "baselines")]

    def _row(self, baseline: Baseline, batches: Batches, tested: dict[str, Any]) -> BaselineRow:
        n = min(self.slow_images, len(batches.split.x)) if baseline.slow else len(batches.split.x)
        try:
            state = self.fitted(baseline)
            key = {**self._key(baseline), **tested, "n": n}
            scores = self.cache.get(key, lambda: self._scores(baseline, state, batches, n))
            setting = baseline.setting(state)
        except Exception as error:  # whatever a library raises must not take the rest of the table with it
            return BaselineRow(baseline, error=one_line(error) or type(error).__name__)
        if not all(np.isfinite(values).all() for values in scores.values()):
            return BaselineRow(baseline, error="its output is not finite")
        return BaselineRow(baseline, scores, setting)

    def fitted(self, baseline: Baseline) -> State:
        """What the baseline learned or was set to on the training and validation splits."""
        return self.cache.get(
            self._key(baseline), lambda: baseline.fit(lambda: self.train, lambda: self.val, self.psnr)
        )

    def psnr(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The PSNR of each output, (N,), by which settings are chosen."""
        x, y = (torch.from_numpy(np.ascontiguousarray(values, np.float32)) for values in (output, target))
        return self.home.run.modality.metrics["psnr"].compute(x.clamp(0, 1), y).numpy()

    def _key(self, baseline: Baseline) -> dict[str, Any]:
        """Everything that a fit depends on."""
        return {
            "baseline": f"{type(baseline).__module__}.{type(baseline).__name__}",
            "attributes": baseline.attributes(),
            "task": to_plain(self.home.run.cfg.task),
            **self.fitted_on,
            "versions": {"aectl": __version__, **{library: version(library) for library in LIBRARIES}},
        }

    @torch.inference_mode()
    def _scores(self, baseline: Baseline, state: State, batches: Batches, n: int) -> Scores:
        parts = []
        for pairs in posed_pairs(self.away, batches, n):
            output = np.ascontiguousarray(baseline.restore(pairs.input, state), dtype=np.float32)
            parts.append(score(torch.from_numpy(output), torch.from_numpy(pairs.target)))
        return first_scores(concatenate_scores(parts), n)

    @cached_property
    def train(self) -> Pairs:
        """The training split as the task poses it, cut to what a fit may hold in memory."""
        return self._pairs("train", FIT_VALUES // math.prod(self.home.run.data.source.shape))

    @cached_property
    def val(self) -> Pairs:
        return self._pairs("val", VAL_IMAGES)

    @cached_property
    def fitted_on(self) -> dict[str, str]:
        """The identities of the splits that a fit is made on."""
        names: tuple[SplitName, ...] = ("train", "val")
        return {name: fingerprint(self.home.run.data.split(name).x.numpy()) for name in names}

    def _pairs(self, name: SplitName, n: int) -> Pairs:
        """The first examples of a split, posed with draws that no seed changes: a fit serves every eval."""
        batches = Batches(self.home.run.data.split(name), BATCH_SIZE, shuffle=False)
        parts = list(posed_pairs(self.home.with_seed(0), batches, n))
        return Pairs(*(np.concatenate(part)[:n] for part in zip(*parts, strict=True)))


@torch.inference_mode()
def posed_pairs(opened: TrainedRun, batches: Batches, n: int) -> Iterator[Pairs]:
    """Batches as the task poses them, on the CPU, until they hold `n` examples."""
    for index, batch in enumerate(batches):
        if index * batches.batch_size >= n:
            return
        example = opened.make_example(batch, index)
        yield Pairs(example.input.cpu().numpy(), example.target.cpu().numpy())


def best_baseline(rows: list[BaselineRow], model: Scores) -> BaselineRow | None:
    """The baseline that the model leads by least, over the images that both have; none if none could be had."""
    leads = [(lead.mean, index) for index, row in enumerate(rows) if (lead := row.margin(model))]
    return rows[min(leads)[1]] if leads else None
