"""Examples that are few, or alike, are named before training."""

import pytest
import torch

from aectl.data.digits import Digits
from aectl.data.source import Split
from aectl.training.data_warnings import explained_by_mean, mean_correlation, warn_of_examples

RNG = torch.Generator().manual_seed(0)


def images(n: int, spread: float = 1.0) -> torch.Tensor:
    """Variations of one image."""
    one = torch.rand(1, 3, 8, 8, generator=RNG)
    return (one + spread * torch.randn(n, 3, 8, 8, generator=RNG)).clamp(0, 1).mul(255).to(torch.uint8)


def test_few_examples_are_named_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_examples(Split(images(49)))
    assert capsys.readouterr().err.startswith("dataset: 49 training examples; expected 50 or more: ")
    warn_of_examples(Split(images(50)))
    assert capsys.readouterr().err == ""


def test_examples_that_are_alike_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_examples(Split(images(60, spread=0.05)))
    said = capsys.readouterr().err
    assert said.startswith("dataset: the training examples are nearly alike (their mean explains 9")
    assert said.count("\n") == 1


def test_pictures_of_one_kind_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    digits = Digits().split("train")
    warn_of_examples(digits)
    assert capsys.readouterr().err == ""
    assert digits.y is not None
    warn_of_examples(Split(digits.x[digits.y == 3]))
    said = capsys.readouterr().err
    assert said.startswith("dataset: the training pictures are of one kind (their mean correlation is 0.7")
    assert said.count("\n") == 1


def test_the_mean_correlation_is_that_of_all_pairs() -> None:
    x = torch.rand(7, 1, 3, 4, generator=RNG)
    matrix = torch.corrcoef(x.flatten(1).double())
    assert mean_correlation(x) == pytest.approx(float(matrix[~torch.eye(7, dtype=torch.bool)].mean()))
    assert mean_correlation(torch.ones(3, 1, 2, 2)) == 0


def test_the_mean_explains_nothing_of_noise_and_all_of_copies() -> None:
    assert explained_by_mean(torch.rand(1_000, 1, 6, 6, generator=RNG)) < 0.01
    assert explained_by_mean(torch.rand(1, 1, 6, 6, generator=RNG).expand(9, 1, 6, 6)) == pytest.approx(1)
    assert explained_by_mean(torch.full((9, 1, 6, 6), 0.5)) == 1
