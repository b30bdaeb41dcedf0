"""The report of an evaluation, a value: `tables` prints it, `to_dict` is what metrics.json holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aectl.evaluation.baseline_comparison import BaselineRow
from aectl.evaluation.embeddings import Embeddings
from aectl.evaluation.lesson_loss import LessonLoss
from aectl.evaluation.log_likelihood import LogLikelihood
from aectl.evaluation.loss_terms import LossFormat
from aectl.evaluation.music import MusicQuality
from aectl.evaluation.sample_quality import SampleQuality
from aectl.evaluation.scores import MeanCI, Scores, mean_scores
from aectl.evaluation.shared_figure import Shown
from aectl.evaluation.verdict import Verdict
from aectl.modalities import Metric, Modality
from aectl.plots.figures import Figure

PLAIN_FIELDS = ("run", "checkpoint", "model", "parameters", "task", "dataset", "trained_on", "protocol", "versions")


@dataclass(frozen=True)
class NotApplicable:
    """Why a section does not apply to a model."""

    note: str

    def to_dict(self) -> dict[str, Any]:
        return {"note": self.note}


@dataclass(frozen=True)
class Failure:
    """Why a section is missing."""

    error: str  # one line: the type of the error, its message, and the line of code
    traceback: str


@dataclass(frozen=True)
class Report:
    """What an evaluation found. A section that was not asked for, or that failed, is None.

    Arguments:
        run: the folder of the run.
        checkpoint: the name of the file with the weights.
        model: the name of the model.
        parameters: its trainable parameters.
        task: the task with its strength, such as `denoise-0.2`.
        dataset: the data set that it was tested on.
        trained_on: the data set that it was trained on.
        modality: what an example is.
        protocol: what was measured, and how.
        versions: of aectl, Python and the libraries.
        terms: the loss and its terms, means in nats per example.
        loss_format: the weights of the terms, and the units of those that are no part of the loss.
        lesson: the loss in the unit of the lesson, of a run of one of its presets.
        example_scores: for each metric the score of every example.
        baselines: the classical baselines on the same examples.
        verdict: the comparison with the best baseline.
        embeddings: what the latents are worth as features.
        likelihood: the ELBO and log p(x).
        samples: how samples compare with held-out examples.
        music: what a model of music writes, as music.
        figures: by name.
        shown: examples that every run on this split shows, for a figure of several runs.
        failed: the sections that raised an error, by name: `baselines`, `pictures`, `latents`, `likelihood`, `samples`,
            `music`.
    """

    run: str
    checkpoint: str
    model: str
    parameters: int
    task: str
    dataset: str
    trained_on: str
    modality: Modality
    protocol: dict[str, Any]
    versions: dict[str, str]
    terms: dict[str, float]
    loss_format: LossFormat
    lesson: LessonLoss | None
    example_scores: Scores
    baselines: list[BaselineRow]
    verdict: Verdict | None
    embeddings: Embeddings | NotApplicable | None
    likelihood: LogLikelihood | NotApplicable | None
    samples: SampleQuality | NotApplicable | None
    music: MusicQuality | None
    figures: dict[str, Figure]
    shown: Shown | None
    failed: dict[str, Failure]

    @property
    def scores(self) -> dict[str, MeanCI]:
        return mean_scores(self.example_scores)

    @property
    def columns(self) -> Mapping[str, Metric]:
        """The metrics of its table."""
        return self.modality.columns(self.example_scores)

    def to_dict(self) -> dict[str, Any]:
        sections = {name: getattr(self, name) for name in ("embeddings", "likelihood", "samples", "music")}
        return {
            **{name: getattr(self, name) for name in PLAIN_FIELDS},
            "terms": self.terms,
            **({"lesson": asdict(self.lesson)} if self.lesson else {}),
            "scores": {name: asdict(mean) for name, mean in self.scores.items()},
            "baselines": {row.baseline.name: row.to_dict(self.example_scores) for row in self.baselines},
            **({"verdict": asdict(self.verdict)} if self.verdict else {}),
            **{name: section.to_dict() for name, section in sections.items() if section},
            **({"failed": {name: asdict(failure) for name, failure in self.failed.items()}} if self.failed else {}),
        }
