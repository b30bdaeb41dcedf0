"""What a model that does not win is advised to change."""

from dataclasses import replace
from pathlib import Path

import pytest

from aectl.evaluation.advice import Circumstances, describe_length, suggest_improvement
from aectl.models.base import Autoencoder
from aectl.tasks.base import Task
from aectl.tasks.baselines.base import Untouched
from aectl.tasks.denoise import Denoise, DenoiseSaltPepper
from aectl.tasks.reconstruct import Reconstruct
from tests.models.test_contract import complete, opened

VECTOR, REDNET = ("model=ae", "net.latent=vector"), ("model=rednet",)
NARROW, GRID = ("model=vae", "net=conv", "net.latent=grid", "model.latent_dim=4"), ("model=vae",)
HEAVY = ("model=beta_vae", "model.beta=10")


def built(*overrides: str) -> Autoencoder:
    return opened(complete("task=denoise", *overrides)).build()


@pytest.mark.parametrize(
    ("overrides", "restores", "advised", "never"),
    [
        (VECTOR, True, ["net=residual"], ["max_epochs"]),
        (NARROW, True, ["model.latent_dim", "trainer.max_epochs="], ["net=residual"]),
        (GRID, True, ["trainer.max_epochs=", "larger"], ["latent_dim", "net=residual", "beta"]),
        (REDNET, True, ["trainer.max_epochs=", "larger"], ["rednet", "net.latent"]),
        (VECTOR, False, ["trainer.max_epochs=", "larger"], ["rednet", "net.latent"]),
        (GRID, False, ["trainer.max_epochs=", "larger"], ["rednet", "net.latent", "beta"]),
        (HEAVY, False, ["model.beta=10 is more than the 1 of the negative ELBO", "lower it"], ["larger", "epochs"]),
        (
            (*GRID, "model.beta=1"),
            True,
            ["model.beta=1 is more than the 0.05 that is usual for a task that restores"],
            ["larger", "epochs"],
        ),
    ],
)
def test_the_advice_depends_on_the_model(
    overrides: tuple[str, ...], restores: bool, advised: list[str], never: list[str]
) -> None:
    said = suggest_improvement(built(*overrides), Circumstances(restores))
    assert all(words in said for words in advised), said
    assert not any(words in said for words in never), said


@pytest.mark.parametrize("overrides", [VECTOR, REDNET])
def test_a_model_trained_on_another_data_set_is_advised_to_train_on_this_one(overrides: tuple[str, ...]) -> None:
    said = suggest_improvement(built(*overrides), Circumstances(True, "mnist", "kmnist"))
    assert said == "It was trained only on mnist: to do better here, train on this data set (dataset=kmnist)."


def test_a_short_training_is_said_first() -> None:
    short = "It was trained for 1 epoch."
    model = built(*HEAVY)
    assert suggest_improvement(model, Circumstances(False, length=short)).startswith(f"{short} model.beta=10 is")
    assert suggest_improvement(built(*REDNET), Circumstances(True, length=short)) == short


NOISE = Denoise(0.2, 0.0, clip=True)


@pytest.mark.parametrize(
    ("trained", "tested", "covered"),
    [
        (NOISE, NOISE, True),
        (NOISE, Denoise(0.5, 0.0, clip=True), False),
        (Denoise([0.1, 0.5], 0.0, clip=True), NOISE, True),
        (Denoise([0.1, 0.5], 0.0, clip=True), Denoise([0.2, 0.3], 0.0, clip=True), True),
        (Denoise([0.1, 0.5], 0.0, clip=True), Denoise([0.2, 0.6], 0.0, clip=True), False),
        (NOISE, Denoise(0.2, 0.5, clip=True), False),
        (NOISE, DenoiseSaltPepper(0.2), False),
        (Reconstruct(), Reconstruct(), True),
    ],
)
def test_a_test_at_a_strength_that_was_not_trained_is_named(trained: Task, tested: Task, covered: bool) -> None:
    said = suggest_improvement(built(*REDNET), Circumstances(True, trained_for=trained, tested_for=tested))
    assert (f"It was trained for {trained.label}, not for {tested.label}" in said) != covered


def test_an_input_that_is_hardly_degraded_is_said_to_be() -> None:
    said = suggest_improvement(built(*GRID), Circumstances(True, best=Untouched()))
    assert said.startswith("The input is hardly degraded")


class TestLength:
    """What the files of a run say of the length of its training."""

    def said(self, folder: Path, summary: str, losses: list[object]) -> str:
        (folder / "summary.json").write_text(summary)
        rows = "\n".join(f"{epoch},{loss}" for epoch, loss in enumerate(losses))
        (folder / "metrics.csv").write_text(f"epoch,val/loss\n{rows}\n")
        return describe_length(replace(opened(complete()), folder=folder))

    def test_less_than_half_of_the_budget_is_short(self, tmp_path: Path) -> None:
        said = self.said(tmp_path, '{"epochs": 3, "budget_epochs": 80}', [3, 2, 2])
        assert said == (
            "It was trained for 3 epochs, where 80 are usual for this data set: train longer first "
            f"(aectl train resume={tmp_path} trainer.max_epochs=80)."
        )
        assert self.said(tmp_path, '{"epochs": 40, "budget_epochs": 80}', [3, 2, 2]) == ""

    def test_a_loss_that_still_falls_is_short(self, tmp_path: Path) -> None:
        falling = self.said(tmp_path, '{"epochs": 20}', [100 - epoch for epoch in range(20)])
        assert "still falling in the last of 20 epochs" in falling
        assert "trainer.max_epochs=40)" in falling
        assert self.said(tmp_path, '{"epochs": 20}', [2**-epoch for epoch in range(20)]) == ""

    @pytest.mark.parametrize("losses", [[], [1.0], [3, "x", 1], [3, 2, float("nan")], [2, 2, 2, 2]])
    @pytest.mark.parametrize("summary", ["", "[]", '{"epochs": "many"}', '{"epochs": 9, "budget_epochs": -1}'])
    def test_files_that_say_nothing_are_no_reason(self, summary: str, losses: list[object], tmp_path: Path) -> None:
        assert self.said(tmp_path, summary, losses) == ""

    def test_nothing_is_known_of_a_lone_checkpoint(self, tmp_path: Path) -> None:
        assert describe_length(replace(opened(complete()), folder=tmp_path)) == ""
