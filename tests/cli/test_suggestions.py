"""What users type from habit is answered with what it is called here."""

import pytest

from aectl.cli import suggestions
from aectl.cli.error_messages import error_message, known_keys
from aectl.cli.main import VERBS
from aectl.config import GROUPS, options
from aectl.errors import UserError
from tests.conftest import Aectl

TYPED = {
    "train beta=4": "model.beta=4",
    "train model=ae beta=4": "model.beta=4",
    "train epochs=5": "trainer.max_epochs=5",
    "train lr=0.1": "optimizer.lr=0.1",
    "train model.lr=0.1": "optimizer.lr=0.1",
    "train task=denoise task.noise=0.1": "task.sigma=0.1",
    "train loss=mse": "likelihood=gaussian",
    "train loss=bce": "likelihood=bernoulli",
    "train likelihood=mse": "gaussian",
    "train likelihood=bce": "bernoulli",
    "train model=autoencoder": "ae",
    "train model=VAE": "vae",
    "train dataset=MNIST": "mnist",
    "train dataset=Fashion-MNIST": "fashion_mnist",
    "train sigma=0.1": "task.sigma=0.1",
    "train model=conv": "net=conv",
    "train task=superres": "super-res",
    "train gpu=1": "trainer.accelerator=gpu",
    "train device=cuda": "trainer.accelerator=cuda",
    "train data=mnist": "dataset=mnist",
    "train patience=3": "callbacks=early_stopping callbacks.early_stopping.patience=3",
    "train --epochs 5": "trainer.max_epochs=5",
    "train --epochs=5": "trainer.max_epochs=5",
    "train --batch-size 4": "data.batch_size=4",
    "train --model vae": "model=vae",
    "train --input photos": "dataset.root=photos",
    "train --hlep": "--help",
    "predict latest --input photos": "input=photos",
    "predict latest images=photos": "input=photos",
    "train task=colour": "colorize",
    "train task=jpeg": "deblock",
    "inpainting": "train task=inpaint",
    "sharpen": "train task=deblur",
    "predict latest out=photos": "output=photos",
    "decode latest input=z.csv": "latents=z.csv",
    "eval last": "latest",
    "generate": "sample",
    "denoise": "train task=denoise",
    "superres": "train task=super-res",
    "evaluate": "eval",
    "trian": "train",
}


@pytest.mark.parametrize(("typed", "meant"), TYPED.items(), ids=TYPED)
def test_what_is_typed_from_habit_is_answered(typed: str, meant: str, aectl: Aectl) -> None:
    result = aectl(*typed.split())
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert result.err.endswith(f"did you mean {meant}?\n")


def test_a_key_of_a_preset_that_another_choice_does_not_know_is_said_to_be_its() -> None:
    error = UserError("likelihood.scale=1: unknown parameter of Bernoulli")
    said = error_message(error, "train", ["experiment=lesson/vae", "likelihood=bernoulli"])
    assert said == f"{error}; experiment=lesson/vae sets it: leave it out with ~likelihood.scale"
    assert error_message(error, "train", ["experiment=lesson/vae", "likelihood.scale=1"]) == str(error)


def test_a_group_is_not_suggested_for_one_of_its_keys() -> None:
    assert not suggestions.meant_override("optimizer.bogus=3", known_keys("train", [])).startswith("optimizer=")


@pytest.mark.parametrize(
    "words", ["train optimizer=null", "train schedule=5", "train sweep=null", "train optimizer={lr:1}"]
)
def test_a_choice_that_is_no_word_is_refused_with_the_choices(words: str, aectl: Aectl) -> None:
    result = aectl(*words.split())
    assert result.status == 2
    assert result.err.startswith(f"aectl {words.replace(' ', ': ')}: expected one of ")


def test_every_word_of_the_tables_is_answered_with_something_that_exists() -> None:
    known = {*GROUPS, *known_keys("train", []), *suggestions.keys_of_choices(), "callbacks.early_stopping.patience"}
    assert {meant.split()[0] for meant in suggestions.VERBS.values()} <= {*VERBS}
    assert {meant.split()[-1] for meant in suggestions.KEYS.values()} <= known
    for group, _, choice in (meant.partition("=") for meant in suggestions.PAIRS.values() if "." not in meant):
        assert choice in options(group)
