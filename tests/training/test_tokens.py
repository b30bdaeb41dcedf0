"""A training on tokens: the vocabularies reach the likelihood and the scores of the validation."""

import re
from pathlib import Path

import pytest

from aectl import runs
from aectl.modalities import Tokens
from tests.conftest import QUICK, Aectl
from tests.support.short_runs import summary

TOKENS = ("dataset._target_=tests.support.toy_melodies.ToyMelodies", "~dataset.size", *QUICK)


def test_run_on_tokens_scores_and_stores_them(aectl: Aectl) -> None:
    assert aectl("train", *TOKENS, "net=mlp", "likelihood=categorical", "hydra.run.dir=run").status == 0
    assert {"val/onset_f1", "val/token_accuracy", "val/exact"} <= summary("run")["metrics"].keys()
    run = runs.open(Path("run"), trust=True)
    assert run.modality == Tokens((1, 32, 90), (90,))
    assert run.cfg.model.likelihood.vocabularies == [90]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            (*TOKENS, "likelihood=gaussian"),
            "likelihood.*Gaussian: takes pixels, but the data are tokens; use likelihood=",
        ),
        ((*TOKENS, "likelihood=categorical", "task=denoise"), "task=denoise: degrades pixels, but the data are tokens"),
        (
            (*TOKENS, "likelihood=categorical", "data.binarize=fixed"),
            "data.binarize=fixed: the data are not gray values",
        ),
        (("likelihood=categorical",), "likelihood=categorical: takes tokens, but the data set has none"),
    ],
)
def test_what_makes_no_sense_of_tokens_is_refused(aectl: Aectl, overrides: tuple[str, ...], message: str) -> None:
    result = aectl("train", *overrides)
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    assert re.search(message, result.err)
