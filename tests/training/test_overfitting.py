"""Overfitting is said at the end of a training, and a loss that wavers is not."""

from pathlib import Path

import pytest

from aectl.training.overfitting import overfitting_line


def table(path: Path, train: list[float], val: list[float]) -> Path:
    rows = [f"{epoch},{one},{other}" for epoch, (one, other) in enumerate(zip(train, val, strict=True))]
    path.write_text("\n".join(["epoch,train/loss,val/loss", *rows]) + "\n")
    return path


FALLS = [10_000.0, 7_000.0, 5_000.0, 4_000.0, 3_000.0, 2_500.0]


def test_a_validation_loss_that_rises_while_training_goes_on_is_overfitting(tmp_path: Path) -> None:
    line = overfitting_line(table(tmp_path / "m.csv", FALLS, [9_000, 6_150, 7_500, 9_000, 10_800, 11_470]))
    assert line.startswith("overfitting: val/loss was 6150 in epoch 2 and is 1.147e+04 in epoch 6, while ")
    assert "trainer.max_epochs=2, callbacks=early_stopping" in line
    assert line.count("\n") == 1


def test_a_rise_is_compared_with_what_training_gained_since_and_not_with_its_first_epoch(tmp_path: Path) -> None:
    train, val = [2_887, -829, -1_124, -1_276, -1_436, -1_555, -1_627], [1_060, -820, -971, -1_054, -1_000, -950, -903]
    assert "val/loss was -1054 in epoch 4 and is -903 in epoch 7" in overfitting_line(
        table(tmp_path / "m.csv", train, val)
    )


@pytest.mark.parametrize(
    ("train", "val"),
    [
        (FALLS, [9_000, 7_000, 6_000, 5_500, 5_200, 5_100]),  # both fall
        (FALLS, [9_000, 6_150, 6_200, 6_180, 6_190, 6_210]),  # it wavers
        (FALLS[::-1], [6_000, 6_150, 7_500, 9_000, 10_800, 11_470]),  # both rise: that is divergence
        (FALLS[:3], [9_000, 6_150, 11_470]),  # too short to say
        ([-100, -200, -300, -350, -380, -400], [-90, -180, -250, -260, -259, -258]),
    ],
)
def test_other_courses_are_not(tmp_path: Path, train: list[float], val: list[float]) -> None:
    assert overfitting_line(table(tmp_path / "m.csv", train, val)) == ""


def test_a_run_without_losses_says_nothing(tmp_path: Path) -> None:
    assert overfitting_line(tmp_path / "missing.csv") == ""
    (tmp_path / "m.csv").write_text("epoch,train/loss\n0,1\n1,2\n")
    assert overfitting_line(tmp_path / "m.csv") == ""
