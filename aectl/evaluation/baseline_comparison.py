"""Scores of the task's classical baselines, on the examples that the model is scored on."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from aectl.config import to_plain
from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.errors import one_line
from aectl.evaluation.cache import Cache, fingerprint
from aectl.evaluation.protocol import VAL_IMAGES, library_versions
from aectl.evaluation.scores import MeanCI, Scores, concatenate_scores, mean_ci, mean_scores, score_batch
from aectl.example import Example
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track
from aectl.modalities import Tokens
from aectl.modalities.vocabulary import first_onset
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, Pairs, State
from aectl.tasks.baselines.sequences import TrackTokens, sequence_baselines

FIT_VALUES = 2**27  # the most numbers in the training inputs or targets of a fit: half a gigabyte
BATCH_SIZE = 500
REVISION = 2  # of fits and scores in the cache: to be raised when the same key would give others
NATS = "nats"
"""The name among the scores of the negative log-likelihood of a baseline that has one."""


@dataclass(frozen=True)
class BaselineRow:
    """A baseline and its scores."""

    baseline: Baseline
    scores: Scores | None = None  # of each example that it was run on, the first ones of the split
    setting: str = ""  # what it was fitted to, in words
    error: str | None = None  # why it has no scores
    metric: str = "psnr"  # that the model is compared with it by

    @property
    def n(self) -> int:
        return 0 if self.scores is None else len(self.scores[self.metric])

    def margin(self, model: Scores) -> MeanCI | None:
        """The gain of the model in the metric, over the examples that both have; None if it has no scores."""
        return None if self.scores is None else mean_ci(model[self.metric][: self.n] - self.scores[self.metric])

    def to_dict(self, model: Scores) -> dict[str, Any]:
        if self.scores is None:
            return {"error": self.error}
        scores = {name: asdict(mean) for name, mean in mean_scores(self.scores).items()}
        margin = mean_ci(model[self.metric][: self.n] - self.scores[self.metric])
        leads_by = "model_leads_by_db" if self.metric == "psnr" else "model_leads_by"
        return {**scores, "n": self.n, "setting": self.setting, leads_by: asdict(margin)}


def tracks_of(modality: Tokens) -> list[TrackTokens]:
    return [TrackTokens(size, first_onset(size)) for size in modality.vocabularies]


@dataclass(frozen=True)
class BaselineComparison:
    """The baselines of a task, on a data set."""

    train_run: TrainedRun  # on the data set that it was trained on, which the baselines are fitted to
    test_run: TrainedRun  # on the data set that it is tested on
    cache: Cache  # keeps fits and scores
    slow_images: int  # slow baselines are run only on this many examples, the first ones of the split

    def rows(self, batches: Batches, latent_size: int) -> list[BaselineRow]:
        """Every baseline on the batches; one that is not available is a row that says why."""
        tested = {
            "test": fingerprint(batches.split.x.numpy()),
            "batch_size": batches.batch_size,
            "seed": self.test_run.seed,
            "device": self.test_run.device.type,  # the same seed draws other noise on another kind
        }
        return [self._row(baseline, batches, tested) for baseline in track(self._baselines(latent_size), "baselines")]

    def _baselines(self, latent_size: int) -> list[Baseline]:
        modality = self.train_run.modality
        if isinstance(modality, Tokens):
            return sequence_baselines(tracks_of(modality), latent_size)
        return self.train_run.run.task.baselines(self.train_run.run.data.source.shape, latent_size)

    def _row(self, baseline: Baseline, batches: Batches, tested: dict[str, Any]) -> BaselineRow:
        n = min(self.slow_images, len(batches.split.x)) if baseline.slow else len(batches.split.x)
        try:
            state = self.fitted(baseline)
            key = {**self._key(baseline), **tested, "n": n}
            scores = self.cache.get(key, lambda: self._scores(baseline, state, batches, n))
            setting = baseline.setting(state)
        except Exception as error:  # a library may raise anything; the other baselines still get their rows
            return BaselineRow(baseline, error=one_line(error) or type(error).__name__)
        if not all(np.isfinite(values).all() for values in scores.values()):
            return BaselineRow(baseline, error="its output is not finite")
        return BaselineRow(baseline, scores, setting, metric=self.test_run.modality.ranked_by)

    def fitted(self, baseline: Baseline) -> State:
        """What the baseline learned or was set to on the training and validation splits."""
        return self.cache.get(
            self._key(baseline), lambda: baseline.fit(lambda: self.train, lambda: self.val, self.rank)
        )

    def rank(self, output: np.ndarray, pairs: Pairs) -> np.ndarray:
        """The score of each output, (N,), by which settings are chosen: of images the PSNR."""
        x = torch.from_numpy(with_known(self.train_run.run.task, output, pairs.input)).clamp(0, 1)
        weight = None if pairs.weight is None else torch.from_numpy(pairs.weight)
        modality = self.train_run.modality
        return modality.metrics[modality.ranked_by].compute(x, torch.from_numpy(pairs.target), weight).numpy()

    def _key(self, baseline: Baseline) -> dict[str, Any]:
        """Everything that a fit depends on."""
        return {
            "baseline": f"{type(baseline).__module__}.{type(baseline).__name__}",
            "attributes": baseline.attributes(),
            "task": to_plain(self.train_run.run.cfg.task),
            **self.fitted_on,
            "versions": library_versions(),
            "revision": REVISION,
        }

    @torch.inference_mode()
    def _scores(self, baseline: Baseline, state: State, batches: Batches, n: int) -> Scores:
        modality, parts = self.test_run.modality, []
        for pairs in posed_pairs(self.test_run, batches, n):
            restored = baseline.restore(pairs.input, state)
            output = torch.from_numpy(with_known(self.test_run.run.task, restored, pairs.input))
            given = {name: torch.from_numpy(part) for name, part in named_parts(pairs).items() if name != "input"}
            nats = baseline.nats(output.numpy(), pairs.target)
            scores = score_batch(modality, output, **given)
            parts.append(scores if nats is None else {**scores, NATS: nats})
        return {name: values[:n] for name, values in concatenate_scores(parts).items()}

    @cached_property
    def train(self) -> Pairs:
        """The training split as the task poses it, as much as a fit may hold in memory."""
        return self._pairs("train", FIT_VALUES // math.prod(self.train_run.run.data.source.shape))

    @cached_property
    def val(self) -> Pairs:
        return self._pairs("val", VAL_IMAGES)

    @cached_property
    def fitted_on(self) -> dict[str, str]:
        """The fingerprints of the splits that a fit is made on."""
        names: tuple[SplitName, ...] = ("train", "val")
        return {name: fingerprint(self.train_run.run.data.split(name).x.numpy()) for name in names}

    def _pairs(self, name: SplitName, n: int) -> Pairs:
        """The first examples of a split, posed with a fixed seed: a fit serves evaluations with any seed."""
        batches = Batches(self.train_run.run.data.split(name), BATCH_SIZE, shuffle=False)
        parts = list(posed_pairs(self.train_run.with_seed(0), batches, n))
        columns = {name: [named_parts(part)[name] for part in parts] for name in named_parts(parts[0])}
        return Pairs(**{name: np.concatenate(column)[:n] for name, column in columns.items()})


@torch.inference_mode()
def posed_pairs(trained: TrainedRun, batches: Batches, n: int) -> Iterator[Pairs]:
    """Batches as the task poses them, on the CPU, until they hold `n` examples."""
    for index, batch in enumerate(batches):
        if index * batches.batch_size >= n:
            return
        example = trained.make_example(batch, index)
        parts = named_parts(example._replace(cond=None))
        yield Pairs(**{name: part.cpu().numpy() for name, part in parts.items()})


def named_parts(example: Example | Pairs) -> dict[str, Any]:
    """The parts that it has."""
    return {name: part for name, part in example._asdict().items() if part is not None}


def with_known(task: Task, output: np.ndarray, input: np.ndarray) -> np.ndarray:
    """Outputs (N, *shape) with what their inputs (N, *input_shape) tell exactly, float32."""
    output = np.ascontiguousarray(output, dtype=np.float32)
    return task.keep_known(torch.from_numpy(output), torch.from_numpy(input)).numpy()


def best_baseline(rows: list[BaselineRow], model: Scores) -> BaselineRow | None:
    """The baseline over which the model gains least, over the examples that both have; None if none has scores."""
    margins = [(margin.mean, index) for index, row in enumerate(rows) if (margin := row.margin(model))]
    return rows[min(margins)[1]] if margins else None
