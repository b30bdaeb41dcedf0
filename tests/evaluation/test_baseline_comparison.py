"""Baselines: scored on the same images as the model, fitted to training and validation data only, each on its own."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from aectl.config import options
from aectl.data.digits import Digits
from aectl.data.loader import Batches, Data
from aectl.data.source import Split, SplitName
from aectl.evaluation import baseline_comparison, protocol
from aectl.evaluation.baseline_comparison import BaselineComparison, BaselineRow, best_baseline
from aectl.evaluation.cache import Arrays, Cache
from aectl.evaluation.scores import Scores, score_batch, score_model
from aectl.example import Example
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Images
from aectl.models.base import Autoencoder
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Baseline, Pairs, Score, State, Untouched
from aectl.tasks.baselines.filters import Filter, Gaussian
from aectl.tasks.baselines.learned import LinearMap, MeanImage
from aectl.tasks.denoise import Denoise
from tests.models.test_contract import DATA, composed
from tests.models.test_contract import opened as run_of

config = cache(composed)
GRAY = 102 / 255
CPU = torch.device("cpu")
OF_DIGITS = [task for task in options("task") if task not in DATA]
NUM_TESTED = 60
BATCH_SIZE = 25
Restored = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def few_validation_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters are set on few images, to be quick."""
    monkeypatch.setattr(baseline_comparison, "VAL_IMAGES", 8)


class Same(Autoencoder):
    """Returns its input."""

    latent_size = 4
    shape = input_shape = (1, 8, 8)

    def loss(self, example: Example, player: str = "autoencoder") -> dict[str, Tensor]:
        return {"loss": torch.rand(())}  # draws, as a VAE does

    def reconstruct(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return input

    def embed(self, input: Tensor, cond: Tensor | None = None) -> Tensor:
        return input.flatten(1)


class Watched:
    """Digits that record which of their splits were read, and may be changed.

    Arguments:
        changed: for each split, the change to its images.
    """

    shape = (1, 8, 8)

    def __init__(self, **changed: Callable[[Tensor], Tensor]) -> None:
        self.changed = changed
        self.read: set[str] = set()

    def prepare(self) -> None:
        """Comes with the package."""

    def split(self, name: SplitName) -> Split:
        self.read.add(name)
        split = Digits().split(name)
        return split._replace(x=self.changed[name](split.x)) if name in self.changed else split


class Probe(Baseline):
    """Restores with the given function, and counts its calls."""

    def __init__(
        self, name: str, restored: Callable[[np.ndarray], np.ndarray] = np.asarray, slow: bool = False
    ) -> None:
        self.name = name
        self.slow = slow
        self._restored = restored
        self._fits = 0
        self._seen: list[np.ndarray] = []

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        self._fits += 1
        return {"first": val().input[0]}

    def restore(self, input: np.ndarray, state: State) -> np.ndarray:
        self._seen.append(input)
        return self._restored(input)


class Remembered(Cache):
    """Records keys and computes nothing."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []

    def get(self, key: dict[str, Any], compute: Callable[[], Arrays]) -> Arrays:
        self.keys.append(key)
        return {"psnr": np.zeros(3)}


def opened(*overrides: str, seed: int = 0, source: Any = None, task: Task | None = None) -> TrainedRun:
    run = run_of(config(*(overrides or ("task=denoise",))))
    if source:
        run.__dict__["data"] = Data(source, batch_size=32)
    if task:
        run.__dict__["task"] = task
    return TrainedRun(run, Same(), CPU, seed)


def comparison(tmp_path: Path, trained: TrainedRun, slow_images: int = 1000) -> BaselineComparison:
    return BaselineComparison(trained, trained, Cache(tmp_path), slow_images)


def some_digits(n: int = NUM_TESTED, batch_size: int = BATCH_SIZE) -> Batches:
    split = Digits().split("test")
    return Batches(Split(split.x[:n], split.y), batch_size, shuffle=False)


def compare_with(monkeypatch: pytest.MonkeyPatch, *baselines: Baseline) -> None:
    """Makes these the baselines of denoising."""
    monkeypatch.setattr(Denoise, "baselines", lambda *_: list(baselines))


def equal(one: Scores, other: Scores) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def scores_of(row: BaselineRow) -> Scores:
    assert row.scores is not None, row.error
    return row.scores


@pytest.mark.parametrize("task", OF_DIGITS)
def test_every_baseline_of_every_task_has_scores(tmp_path: Path, task: str) -> None:
    run = opened(f"task={task}")
    batches = Batches(Split(run.run.data.split("test").x[:12]), 5, shuffle=False)
    rows = comparison(tmp_path, run, slow_images=7).rows(batches, latent_size=4)
    assert [row.baseline.name for row in rows] == [b.name for b in run.run.task.baselines((1, 8, 8), 4)]
    for row in rows:
        assert row.error is None
        assert row.n == (7 if row.baseline.slow else 12)
        assert all(np.isfinite(values).all() for values in scores_of(row).values())
    assert best_baseline(rows, scores_of(rows[0])) in rows


@pytest.mark.parametrize(("seed", "batch_size"), [(0, 25), (0, 60), (7, 25)])
def test_baselines_see_the_same_images_as_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, batch_size: int
) -> None:
    compare_with(monkeypatch, Untouched())
    same, batches = opened(seed=seed), some_digits(batch_size=batch_size)
    _, scores = score_model(same, batches)
    (untouched,) = comparison(tmp_path, same).rows(batches, 4)
    assert equal(scores_of(untouched), scores)


def test_slow_baselines_run_on_the_first_images_and_the_margin_is_over_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = Probe("slow", slow=True), Probe("quick")
    compare_with(monkeypatch, slow, quick)
    some, whole = comparison(tmp_path, opened(), slow_images=30).rows(some_digits(), 4)
    assert (some.n, whole.n) == (30, NUM_TESTED)
    assert equal(scores_of(some), {name: values[:30] for name, values in scores_of(whole).items()})
    assert sum(map(len, slow._seen)) < NUM_TESTED
    model = {"psnr": np.random.default_rng(0).normal(20, 2, NUM_TESTED)}
    for row in (some, whole):
        margin = row.margin(model)
        paired = stats.ttest_rel(model["psnr"][: row.n], scores_of(row)["psnr"]).confidence_interval(0.95)
        assert margin is not None
        assert (margin.low, margin.high) == pytest.approx((paired.low, paired.high))


def test_slow_images_may_be_more_than_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare_with(monkeypatch, Probe("slow", slow=True))
    (row,) = comparison(tmp_path, opened(), slow_images=1000).rows(some_digits(3), 4)
    assert row.n == 3


def fits_of(tmp_path: Path, trained: TrainedRun) -> dict[str, State]:
    """The fit of each baseline of the task."""
    made = comparison(tmp_path, trained)
    return {baseline.name: made.fitted(baseline) for baseline in trained.run.task.baselines((1, 8, 8), 4)}


@pytest.mark.parametrize("task", OF_DIGITS)
def test_no_fit_and_no_setting_reads_the_test_split(tmp_path: Path, task: str) -> None:
    watched = Watched()
    fitted = fits_of(tmp_path, opened(f"task={task}", source=watched))
    assert any(fitted.values()), "nothing was fitted"
    assert watched.read == {"train", "val"}


@pytest.mark.parametrize("task", OF_DIGITS)
def test_a_fit_is_the_same_whatever_the_images_tested(tmp_path: Path, task: str) -> None:
    states = []
    for folder, source in (("a", Watched()), ("b", Watched(test=lambda x: 255 - x))):
        run = opened(f"task={task}", source=source)
        made = comparison(tmp_path / folder, run)
        made.rows(Batches(Split(source.split("test").x[:5]), 5, shuffle=False), 4)
        states.append({b.name: made.fitted(b) for b in run.run.task.baselines((1, 8, 8), 4)})
    assert states[0].keys() == states[1].keys()
    assert all(equal(states[0][name], states[1][name]) for name in states[0])


def test_filters_are_set_on_validation_and_the_rest_learned_from_training_images(tmp_path: Path) -> None:
    def blank(x: Tensor) -> Tensor:
        return torch.zeros_like(x)

    states = [
        fits_of(tmp_path, opened(source=source)) for source in (Watched(), Watched(train=blank), Watched(val=blank))
    ]
    normal, other_train, other_val = states
    for name in ("gaussian", "median", "total variation", "non-local means"):
        assert equal(normal[name], other_train[name])
    assert not equal(normal["gaussian"], other_val["gaussian"])  # nothing blurs what is blank enough
    assert equal(normal["linear map"], other_val["linear map"])
    assert not equal(normal["linear map"], other_train["linear map"])


def test_a_fit_reads_no_more_than_its_share_of_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline_comparison, "VAL_IMAGES", 10)
    monkeypatch.setattr(baseline_comparison, "FIT_VALUES", 64 * 37)
    made = comparison(tmp_path, opened("task=reconstruct"))
    digits = Digits()
    for pairs, name, n in ((made.val, "val", 10), (made.train, "train", 37)):
        expected = digits.split(name).x[:n].numpy() / np.float32(255)  # type: ignore[arg-type]
        assert pairs.target == pytest.approx(expected)
        assert np.array_equal(pairs.input, pairs.target)


def test_fits_do_not_depend_on_the_seed_and_scores_do(tmp_path: Path) -> None:
    fits = [fits_of(tmp_path / str(seed), opened(seed=seed)) for seed in (0, 1)]
    assert all(equal(fits[0][name], fits[1][name]) for name in fits[0])
    for first, second in zip(
        *(comparison(tmp_path, opened(seed=seed), slow_images=5).rows(some_digits(), 4) for seed in (0, 1)), strict=True
    ):
        assert not equal(scores_of(first), scores_of(second)), first.baseline.name
        assert first.setting == second.setting


def test_nothing_is_computed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe("probe")
    compare_with(monkeypatch, probe)

    def run(trained: TrainedRun, batches: Batches | None = None) -> tuple[int, int]:
        """Fits and calls so far."""
        comparison(tmp_path, trained).rows(batches or some_digits(), 4)
        return probe._fits, len(probe._seen)

    assert run(opened()) == (1, 3)
    assert run(opened()) == (1, 3)
    assert run(opened(seed=1)) == (1, 6)
    assert run(opened(), some_digits(batch_size=60)) == (1, 7)
    assert run(opened(), some_digits(n=59)) == (1, 10)
    mirrored = some_digits().split._replace(x=some_digits().split.x.flip(-1))
    assert run(opened(), Batches(mirrored, BATCH_SIZE, shuffle=False)) == (1, 13)
    assert run(opened("task=denoise", "task.sigma=0.3")) == (2, 16)
    assert run(opened(source=Watched(val=lambda x: 255 - x))) == (3, 19)
    assert run(opened()) == (3, 19)


def test_a_second_model_uses_the_scores_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe("probe")
    compare_with(monkeypatch, probe)
    for model in ("ae", "rednet"):
        comparison(tmp_path, opened("task=denoise", f"model={model}")).rows(some_digits(), 4)
    assert (probe._fits, len(probe._seen)) == (1, 3)


def key() -> dict[str, Any]:
    """The cache key of the fit of a Gaussian blur."""
    run, remembered = opened(), Remembered()
    BaselineComparison(run, run, remembered, 10).fitted(Gaussian())
    return remembered.keys[0]


def test_the_key_of_a_fit_holds_its_settings_and_library_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    assert before == key()
    assert {"aectl", "scikit-image", "scikit-learn", "pillow"} <= before["versions"].keys()
    with monkeypatch.context() as patch:
        patch.setattr(Gaussian, "settings", [{"sigma": 9.0}])
        assert key() != before
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "__version__", "99")
        assert key() != before


def test_scores_are_cached_per_kind_of_device(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for device in ("cpu", "cuda"):
        run, remembered = opened(), Remembered()
        compare_with(monkeypatch, Probe("probe"))
        BaselineComparison(run, replace(run, device=torch.device(device)), remembered, 10).rows(some_digits(), 4)
        kept.append(remembered.keys)
    (fit, scores), (other_fit, other_scores) = kept
    assert fit == other_fit
    assert scores != other_scores


def spoils(input: np.ndarray) -> np.ndarray:
    return np.full_like(input, np.nan)


def leaves_a_hole(input: np.ndarray) -> np.ndarray:
    holed = input.copy()
    holed[-1, 0, 2, 5] = np.nan
    return holed


def runs_out(input: np.ndarray) -> np.ndarray:
    raise MemoryError


def breaks(input: np.ndarray) -> np.ndarray:
    raise RuntimeError("a library\n  has   failed")


def shrinks(input: np.ndarray) -> np.ndarray:
    return input[..., 1:]


@pytest.mark.parametrize(
    ("restored", "said"),
    [
        (spoils, "its output is not finite"),
        (leaves_a_hole, "its output is not finite"),
        (runs_out, "MemoryError"),
        (breaks, "a library has failed"),
        (shrinks, "size of tensor"),
    ],
)
def test_a_baseline_that_fails_gets_a_row_with_the_reason_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: Restored, said: str
) -> None:
    compare_with(monkeypatch, Probe("first"), Probe("bad", restored), Probe("last"))
    first, bad, last = comparison(tmp_path, opened()).rows(some_digits(), 4)
    assert bad.error is not None
    assert said in bad.error
    assert "\n" not in bad.error
    assert (bad.scores, bad.n, bad.margin(scores_of(first))) == (None, 0, None)
    assert equal(scores_of(first), scores_of(last))
    assert best_baseline([bad, first, last], scores_of(first)) is first


class Mute(Probe):
    """Fails to describe its setting."""

    def setting(self, state: State) -> str:
        raise KeyError("best")


def test_an_error_in_describing_the_setting_affects_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare_with(monkeypatch, Mute("mute"), Probe("last"))
    mute, last = comparison(tmp_path, opened()).rows(some_digits(), 4)
    assert mute.error == "'best'"
    assert last.n == NUM_TESTED


class Painted(Filter):
    """Of images of one gray: a little too dark, or right where there may be noise and white elsewhere."""

    name = "painted"
    settings: ClassVar = [{"where": "everywhere"}, {"where": "noise"}]

    def apply(self, images: np.ndarray, **setting: Any) -> np.ndarray:
        if setting["where"] == "everywhere":
            return np.full_like(images, GRAY - 0.05)
        return np.where((images == 0) | (images == 1), np.float32(GRAY), 1)


def test_what_the_input_tells_is_kept_before_settings_are_ranked(tmp_path: Path) -> None:
    gray = Watched(**dict.fromkeys(("train", "val"), lambda x: torch.full_like(x, 102)))
    found = comparison(tmp_path, opened("task=denoise_salt_pepper", source=gray))
    assert found.fitted(Painted()) == {"best": 1}


class Unfit(Probe):
    """Fails to fit."""

    def fit(self, train: Callable[[], Pairs], val: Callable[[], Pairs], score: Score) -> State:
        super().fit(train, val, score)
        raise ValueError("too little")


def test_a_failed_fit_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit = Unfit("unfit")
    compare_with(monkeypatch, unfit)
    for fits in (1, 2):
        (row,) = comparison(tmp_path, opened()).rows(some_digits(), 4)
        assert row.error == "too little"
        assert unfit._fits == fits


def test_too_few_training_images_and_too_many_components_are_reported(tmp_path: Path) -> None:
    few = Watched(train=lambda x: x[:20])
    rows = {row.baseline.name: row for row in comparison(tmp_path, opened(source=few)).rows(some_digits(), 4)}
    assert rows["linear map"].error == "20 training images for 64 input values; it needs more images than values"
    assert all(row.error is None for name, row in rows.items() if name != "linear map")
    mean, pca = comparison(tmp_path, opened("task=reconstruct")).rows(some_digits(), latent_size=65)
    assert (mean.error, pca.baseline.name) == (None, "PCA-65")
    assert "PCA has at most 64" in str(pca.error)


def holed(x: Tensor) -> Tensor:
    """Numbers in [0, 1] and one NaN."""
    x = x.float() / 255
    x[3, 0, 4, 4] = torch.nan
    return x


@pytest.mark.parametrize("task", ["denoise", "super-res", "reconstruct"])
def test_nan_in_the_training_images_is_reported_in_every_row(tmp_path: Path, task: str) -> None:
    rows = comparison(tmp_path, opened(f"task={task}", source=Watched(train=holed))).rows(some_digits(), 4)
    for row in rows:
        assert row.error
        assert "its train split has values from nan" in row.error


def test_baselines_are_fitted_to_train_run_and_scored_on_test_run(tmp_path: Path) -> None:
    train_run = opened("task=reconstruct")
    test_run = opened("task=reconstruct", source=Watched(train=torch.zeros_like, val=torch.zeros_like))
    x = 255 - Digits().split("test").x[:NUM_TESTED]
    row = BaselineComparison(train_run, test_run, Cache(tmp_path), 10).rows(
        Batches(Split(x), BATCH_SIZE, shuffle=False), 4
    )[0]
    assert isinstance(row.baseline, MeanImage)
    mean = (Digits().split("train").x / 255.0).mean(dim=0)
    assert scores_of(row)["psnr"] == pytest.approx(
        score_batch(Images((1, 8, 8)), mean.expand(x.shape), x / 255.0)["psnr"], rel=1e-4
    )


def test_the_linear_map_denoises_digits_better_than_their_input(tmp_path: Path) -> None:
    rows = {type(row.baseline): row for row in comparison(tmp_path, opened()).rows(some_digits(), 4)}
    margin = rows[Untouched].margin(scores_of(rows[LinearMap]))
    assert margin is not None
    assert margin.low > 2


def row(name: str, *psnr: float) -> BaselineRow:
    return BaselineRow(Probe(name), {"psnr": np.array(psnr)})


def test_the_best_baseline_has_the_smallest_margin() -> None:
    model = {"psnr": np.array([20.0, 20, 30, 30])}
    rows = [
        row("ahead on few", 21, 21),  # led by -1
        row("highest mean", 19, 19, 29.5, 30),  # led by 0.625
        BaselineRow(Probe("failed"), error="no"),
        row("lowest", 5, 5, 5, 5),
    ]
    assert best_baseline(rows, model) is rows[0]
    assert best_baseline(rows[1:], model) is rows[1]
    assert best_baseline(rows[2:], model) is rows[3]
    assert best_baseline([rows[3], rows[1]], model) is rows[1]


def test_there_is_no_best_baseline_without_scores() -> None:
    assert best_baseline([], {"psnr": np.zeros(3)}) is None
    assert best_baseline([BaselineRow(Probe("failed"), error="no")], {"psnr": np.zeros(3)}) is None


def test_the_margin_over_a_single_image_has_no_interval() -> None:
    margin = row("one", 12).margin({"psnr": np.array([13.5, 99])})
    assert margin is not None
    assert (margin.mean, margin.low, margin.high) == (1.5, 1.5, 1.5)


class LeftHalf(Denoise):
    """Weighs the left half alone."""

    def forward(self, x: Tensor, y: Tensor | None = None, mask: Tensor | None = None) -> Example:
        weight = torch.zeros_like(x)
        weight[..., :4] = 1
        return Example(self.degrade(x), x, y, weight)


def test_a_weight_reaches_the_scores_of_model_and_baselines(tmp_path: Path) -> None:
    trained = opened(task=LeftHalf(0.2, 0.0, clip=True))
    scores, rows = score_model(trained, some_digits())[1], comparison(tmp_path, trained).rows(some_digits(), 4)
    example = trained.make_example(next(iter(some_digits())), 0)
    left = score_batch(Images((1, 8, 4)), example.input[..., :4], example.target[..., :4])["psnr"]
    assert scores["psnr"][:BATCH_SIZE] == pytest.approx(left)
    assert rows[0].scores is not None
    assert rows[0].scores["psnr"] == pytest.approx(scores["psnr"])
