"""The loss in words: as the sum of its terms, and in the unit of the lesson."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from aectl.config import CONFIGS, options
from aectl.evaluation.lesson_loss import LessonLoss, find_lesson_loss, lesson_loss, lesson_units
from aectl.evaluation.loss_terms import LossFormat, explain_negative, format_loss
from aectl.models.probability.likelihoods import Bernoulli, Gaussian
from aectl.runs.run import Run
from aectl.training.lesson_loss import own_loss
from tests.conftest import BARE, QUICK, Aectl, report_of, run_folder
from tests.support.toy_models import linear_ae


@pytest.mark.parametrize(
    ("terms", "beta", "said"),
    [
        ({"loss": 30.755, "nll": 26.29, "kl": 0.4464}, 10.0, "loss 30.755 = nll 26.290 + 10 x kl 0.446"),
        ({"loss": 26.74, "kl": 0.45, "nll": 26.29}, 1.0, "loss 26.740 = nll 26.290 + kl 0.450"),
        ({"loss": -5.0, "nll": -6.0, "kl": 20.0}, 0.05, "loss -5.000 = nll -6.000 + 0.05 x kl 20.000"),
        ({"loss": 26.29, "nll": 26.29, "kl": 3.0}, 0.0, "loss 26.290 = nll 26.290 + 0 x kl 3.000"),
        ({"loss": 26.29, "nll": 26.29}, 1.0, "loss 26.290"),
        ({"loss": 26.29}, 1.0, "loss 26.290"),
        ({"loss": 27.0, "nll": 26.0, "kl": 2.0}, 1.0, "loss 27.000 (nll 26.000, kl 2.000)"),
        ({"loss": math.nan, "nll": math.nan, "kl": 2.0}, 1.0, "loss nan (nll nan, kl 2.000)"),
        ({"loss": 9.0, "nll": 6.0, "kl": 2.0, "gap": 1.0}, 1.0, "loss 9.000 = nll 6.000 + kl 2.000 + gap 1.000"),
    ],
)  # fmt: skip
def test_the_terms_add_up_to_the_loss_or_stand_beside_it(terms: dict[str, float], beta: float, said: str) -> None:
    assert format_loss(terms, LossFormat({"kl": beta}), ".3f") == said


def test_terms_in_other_units_stand_behind_the_loss() -> None:
    how = LossFormat({"commitment": 0.25}, {"perplexity": "codes", "saturation": "of the codes"})
    terms = {"loss": 3.0, "nll": 2.0, "commitment": 4.0, "perplexity": 17.0}
    said = "loss 3 = nll 2 + 0.25 x commitment 4 nats, perplexity 17 codes"
    assert format_loss(terms, how, unit="nats") == said


def test_a_negative_nll_is_explained() -> None:
    assert explain_negative({"nll": -1.0}) == " (nll is minus a log density, so it may be negative)"
    assert explain_negative({"nll": 1.0}) == explain_negative({"loss": -1.0}) == ""


def test_the_unit_of_the_lesson_leaves_out_the_constant_of_the_nll() -> None:
    gaussian = Gaussian(0.5**0.5, learn_scale=False)
    x, mean = torch.rand(2, 1, 4, 4), torch.full((2, 1, 4, 4), 0.25)
    nll = gaussian.nll(gaussian(mean.logit()), x).mean()
    squared = (x - 0.25).square().sum() / 2
    assert lesson_units(float(nll), gaussian, (1, 4, 4), per_pixel=False) == pytest.approx(float(squared), rel=1e-5)
    assert lesson_units(8.0, Bernoulli(), (1, 4, 4), per_pixel=True) == 0.5


def stated_numbers(origin: str) -> dict[str, float | None]:
    """The number that each preset of an origin states."""
    found = {}
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        for name in (name for name in options("experiment") if name.startswith(f"{origin}/")):
            node = compose("train", [f"experiment={name}"]).callbacks.lesson
            assert node.get("origin", "lesson") == origin
            found[name] = node.reference
    return found


def test_every_preset_of_the_keras_blog_states_the_number_of_the_blog_if_it_has_one() -> None:
    numbers = {"simple": 0.11, "sparse": 0.10, "deep": 0.097, "conv": 0.094}
    without = dict.fromkeys(("denoise", "seq2seq", "vae"))
    assert stated_numbers("keras") == {f"keras/{name}": number for name, number in {**numbers, **without}.items()}


def test_every_preset_of_the_lesson_states_the_number_of_the_lesson() -> None:
    convolutional = {"lesson/conv_ae": 0.104, "lesson/denoise": 0.133, "lesson/super_res": 0.103}
    assert stated_numbers("lesson") == {"lesson/aae": 0.0945, **convolutional, "lesson/vae": 35.6}


@pytest.mark.parametrize(
    "callbacks",
    [None, [], "x", {"lesson": None}, {"lesson": "x"}, {"lesson": {"per_pixel": "yes", "reference": 1}}],
)
def test_what_a_stranger_wrote_in_place_of_the_callback_gives_no_number(callbacks: Any) -> None:
    run = Run(Path("run"), OmegaConf.create({"callbacks": callbacks}), Path("best.ckpt"))
    assert find_lesson_loss(run, linear_ae((1, 4, 4), 2), 3.0) is None


def test_a_run_older_than_the_numbers_has_a_loss_without_one() -> None:
    run = Run(Path("run"), OmegaConf.create({"callbacks": {"lesson": {"per_pixel": True}}}), Path("best.ckpt"))
    model = cast(Any, SimpleNamespace(likelihood=Bernoulli(), shape=(1, 4, 4)))
    assert find_lesson_loss(run, model, 8.0) == LessonLoss(0.5, None)
    assert str(LessonLoss(0.5, None)) == "lesson's loss 0.500"


@pytest.mark.parametrize(("origin", "name"), [("keras", "Keras blog"), ("lesson", "lesson"), (["x"], "lesson")])
def test_loss_is_named_after_the_origin_of_its_number(origin: Any, name: str) -> None:
    callbacks = {"lesson": {"per_pixel": True, "reference": 0.11, "origin": origin}}
    run = Run(Path("run"), OmegaConf.create({"callbacks": callbacks}), Path("best.ckpt"))
    assert str(lesson_loss(run, 0.125)) == f"{name}'s loss 0.125 (the {name} on MNIST: 0.110)"


def test_loss_of_several_players_is_that_of_the_first() -> None:
    assert own_loss({"encoder/loss": 2.0, "encoder/kl": 1.0, "decoder/loss": 3.0}) == 2.0
    assert own_loss({"loss": 2.0, "nll": 1.0}) == 2.0


def test_train_and_eval_print_the_loss_of_the_lesson_beside_the_lesson_s(aectl: Aectl) -> None:
    trained = aectl("train", "experiment=lesson/vae", "dataset=digits", "net.hidden=[8]", "model.beta=3", *QUICK)
    assert "nats" in trained.out
    assert "best val/loss " in trained.out
    assert " = nll " in trained.out
    assert " + 3 x kl " in trained.out
    assert " = nll " in trained.err
    assert "\nlesson's loss " in trained.out
    assert trained.out.count("(the lesson on MNIST: 35.6)\n") == 1
    run = run_folder(trained)
    printed = aectl("eval", run, *BARE).out
    report = report_of(run)
    assert f"\nlesson's loss {report['lesson']['loss']:#.3g} (the lesson on MNIST: 35.6)\n" in printed
    assert report["lesson"]["loss"] == pytest.approx(report["terms"]["loss"] - 32 * math.log(math.pi))
