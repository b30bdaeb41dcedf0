"""Scores of single images, confidence intervals, the verdict, and the choice of examples."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from aectl.evaluation.example_figure import MOST, choose_examples, error_map
from aectl.evaluation.scores import MeanCI, concatenate_scores, mean_ci, mean_scores, score_batch
from aectl.evaluation.verdict import decide_outcome, describe_outcome
from aectl.modalities import Images
from aectl.modalities.image_metrics import mse, psnr, ssim

IMAGES = Images((3, 12, 14))
GAINS = [MeanCI(0.5, 0.1, 0.9), MeanCI(0.5, -0.1, 1.1), MeanCI(-0.5, -0.9, -0.1)]


def pair(n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(n, 3, 12, 14, generator=generator)
    return target + 0.3 * torch.randn(target.shape, generator=generator), target


def test_an_output_is_scored_as_a_file_of_it_would_be() -> None:
    output, target = pair()
    scores = score_batch(IMAGES, output, target)
    assert output.min() < 0
    for name, metric in {"psnr": psnr, "ssim": ssim, "mse": mse}.items():
        assert scores[name] == pytest.approx(metric(output.clamp(0, 1), target).numpy())
        assert scores[name].dtype == np.float64
    assert scores["psnr"] == pytest.approx(-10 * np.log10(scores["mse"]), abs=1e-4)


def test_scores_of_parts_are_those_of_the_whole() -> None:
    output, target = pair()
    whole = score_batch(IMAGES, output, target)
    parts = concatenate_scores([score_batch(IMAGES, output[i], target[i]) for i in (slice(2), slice(2, None))])
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        assert parts[name] == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize("n", [2, 3, 30, 1000])
def test_an_interval_is_that_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).gamma(2, 3, n)
    mean = mean_ci(values)
    expected = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (mean.mean, mean.low, mean.high) == pytest.approx((values.mean(), *expected))
    assert mean.half_width == pytest.approx(mean.mean - mean.low)


@pytest.mark.parametrize("n", [4, 25])
def test_an_interval_holds_the_true_mean_95_times_in_100(n: int) -> None:
    drawn = np.random.default_rng(0).normal(1.7, 2.5, (3000, n))
    held = np.mean([mean.low <= 1.7 <= mean.high for mean in map(mean_ci, drawn)])
    assert held == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 3000))


def test_the_interval_of_one_value_or_equal_values_has_no_width() -> None:
    assert mean_ci(np.array([2.5])) == MeanCI(2.5, 2.5, 2.5)
    assert mean_ci(np.full(9, 2.5)) == MeanCI(2.5, 2.5, 2.5)


def test_the_negative_of_a_mean_is_the_mean_of_the_negatives() -> None:
    values = np.random.default_rng(0).gamma(2, 3, 10)
    negative, expected = mean_ci(values).negative(), mean_ci(-values)
    assert (negative.mean, negative.low, negative.high) == pytest.approx((expected.mean, expected.low, expected.high))
    assert mean_scores({"a": values}) == {"a": mean_ci(values)}


def test_the_outcome_is_that_of_a_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for shift in np.linspace(-1, 1, 41):
        difference = rng.normal(shift, 1, 20)
        test = stats.ttest_1samp(difference, 0)
        expected = "ties" if test.pvalue > 0.05 else "beats" if test.statistic > 0 else "loses"
        assert decide_outcome(mean_ci(difference)) == expected
        seen.add(expected)
    assert seen == {"beats", "ties", "loses"}


def test_an_interval_that_touches_zero_is_a_tie() -> None:
    assert [decide_outcome(gain) for gain in GAINS] == ["beats", "ties", "loses"]
    assert (
        decide_outcome(MeanCI(1, 0, 2))
        == decide_outcome(MeanCI(-1, -2, 0))
        == decide_outcome(MeanCI(0, 0, 0))
        == "ties"
    )


def test_a_model_with_nan_scores_loses() -> None:
    assert decide_outcome(mean_ci(np.array([np.nan, 30.0, 31.0]))) == "loses"


def test_the_sentence_has_the_gain_its_interval_and_advice_unless_the_model_won() -> None:
    said = [describe_outcome(gain, "1,234 images", "median", "Try it.") for gain in GAINS]
    assert said == [
        "The model beats the best baseline, median, by 0.50 dB "
        "(95 % interval +0.10 to +0.90, paired over 1,234 images).",
        "The model ties with the best baseline, median: +0.50 dB "
        "(95 % interval -0.10 to +1.10, paired over 1,234 images). Try it.",
        "The model loses to the best baseline, median, by 0.50 dB "
        "(95 % interval -0.90 to -0.10, paired over 1,234 images). Try it.",
    ]


@pytest.mark.parametrize("each", [1, 2, 4, 7])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 11, 12, 13, 100])
def test_examples_are_distinct_and_ordered_from_best_to_worst(n: int, each: int) -> None:
    values = np.random.default_rng(n).permutation(n).astype(float)
    kinds = choose_examples(values, each)
    indices = [index for group in kinds.values() for index in group]
    assert list(kinds) == ["best", "median", "worst"]
    assert len(indices) == len(set(indices)) == min(n, 3 * min(each, max(1, n // 3)))
    assert set(indices) <= set(range(n))
    assert list(values[indices]) == sorted(values[indices], reverse=True)


def test_best_median_and_worst_examples_are_chosen() -> None:
    values = np.array([3.0, 9, 1, 7, 5, 8, 2, 6, 4])
    assert choose_examples(values, 2) == {"best": [1, 5], "median": [7, 4], "worst": [6, 2]}
    assert choose_examples(values, 1) == {"best": [1], "median": [4], "worst": [2]}


@pytest.mark.parametrize(
    ("n", "kinds"),
    [
        (1, {"best": [0], "median": [], "worst": []}),
        (2, {"best": [1], "median": [], "worst": [0]}),
        (3, {"best": [2], "median": [1], "worst": [0]}),
    ],
)
def test_one_two_and_three_examples_are_enough(n: int, kinds: dict[str, list[int]]) -> None:
    assert choose_examples(np.arange(n).astype(float), 4) == kinds


def test_equal_examples_keep_their_order_and_nan_is_worst() -> None:
    assert choose_examples(np.zeros(9), 2) == {"best": [0, 1], "median": [3, 4], "worst": [7, 8]}
    assert choose_examples(np.array([np.nan, 1, 2]), 1)["worst"] == [0]


def test_an_error_map_is_the_mean_absolute_error_of_the_channels() -> None:
    output, target = (images.numpy() for images in pair())
    expected: Any = sum(abs(output[:, c : c + 1].clip(0, 1) - target[:, c : c + 1]) for c in range(3)) / 3
    assert error_map(output, target) == pytest.approx(expected)
    assert error_map(output, target).shape == (5, 1, 12, 14)
    assert not error_map(np.full((1, 1, 2, 2), 7.0), np.ones((1, 1, 2, 2))).any()


def test_a_figure_has_at_most_20_columns_of_a_kind() -> None:
    kinds = choose_examples(np.arange(1000.0), 500)
    assert [len(indices) for indices in kinds.values()] == [MOST, MOST, MOST]
