"""`aectl train`: what it writes, reproducibility, sweeps."""

import csv
import json
import math
import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aectl.runs.index import fresh_folder
from aectl.search.table.page import has_plotly
from tests.conftest import QUICK, Aectl, printed_in, run_folder
from tests.support.pictures import photo
from tests.support.processes import together

SMALL = ("net=mlp", "net.hidden=[32]")
RUN_0_1 = Path(__file__).parents[1] / "fixtures" / "run-0.1-flat"
"""A run of version 0.1 that was stopped in its second epoch."""


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def history(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_run_folder_has_config_metrics_log_and_checkpoints(aectl: Aectl) -> None:
    result = aectl("train", "model=vae", "task=denoise", "seed=3", *SMALL, *QUICK)
    run = run_folder(result)
    assert run.parts[:3] == ("outputs", "denoise", "vae-digits")
    kept = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert {"config.yaml", ".hydra/config.yaml", ".hydra/overrides.yaml", "train.log", "metrics.csv"} <= kept
    assert {"summary.json", "checkpoints/best.ckpt", "checkpoints/last.ckpt"} <= kept
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["seed"] == 3
    assert config["model"]["shape"] == config["model"]["input_shape"] == [1, 8, 8]
    assert config["names"] == {
        "model": "vae",
        "task": "denoise",
        "dataset": "digits",
        "net": "mlp",
        "likelihood": "gaussian_identity",
    }
    assert "${" not in (run / "config.yaml").read_text()
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert yaml.safe_load(checkpoint["aectl"]["config"]) == config
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best"] == pytest.approx(float(history(run)[0]["val/loss"]), rel=1e-4)
    assert result.status == 0
    for line in (
        f"aectl eval {run}",
        f"aectl sample {run}",
        f"aectl plot-latent {run}",
        f"aectl explore {run}",
        "tensorboard --logdir outputs",
    ):
        assert f"  {line}\n" in result.out


@pytest.mark.parametrize("choices", [("model=vae", "task=denoise"), ("model=ae", "net=conv", "task=super-res")])
def test_same_seed_gives_the_same_numbers_and_another_seed_others(choices: tuple[str, ...], aectl: Aectl) -> None:
    short = ("trainer.max_epochs=2", "trainer.limit_train_batches=5")
    first, second, other = (
        run_folder(aectl("train", *choices, *short, f"seed={seed}", f"outputs={name}"))
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    assert history(first) == history(second)
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())
    assert not all(torch.equal(value, weights(other)[name]) for name, value in weights(first).items())


def test_seed_gives_the_numbers_of_version_0_1(aectl: Aectl) -> None:
    overrides = yaml.safe_load((RUN_0_1 / ".hydra" / "overrides.yaml").read_text())
    former = ("recipe=default", "likelihood=gaussian")  # what tasks that restore choose today
    rows = history(run_folder(aectl("train", *former, *overrides)))
    with (RUN_0_1 / "uninterrupted.csv").open(newline="") as file:
        for row, expected in zip(rows, csv.DictReader(file), strict=True):
            for name, value in expected.items():
                assert float(row[name]) == pytest.approx(float(value), rel=1e-6), name


def test_validation_loss_falls(aectl: Aectl) -> None:
    rows = history(run_folder(aectl("train", "model=vae", *SMALL, "trainer.max_epochs=5")))
    losses = [float(row["val/loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] - losses[-1] > 10
    assert [int(row["epoch"]) for row in rows] == list(range(5))
    assert all(float(r["val/loss"]) == pytest.approx(float(r["val/nll"]) + float(r["val/kl"]), rel=1e-4) for r in rows)


def test_beta_warms_up_in_training_and_not_in_validation(aectl: Aectl) -> None:
    rows = history(
        run_folder(aectl("train", "model=beta_vae", "model.warmup_epochs=2", *SMALL, "trainer.max_epochs=3"))
    )
    for row, beta in zip(rows, (0, 2, 4), strict=True):
        value = {name: float(number) for name, number in row.items()}
        assert value["train/loss"] == pytest.approx(value["train/nll"] + beta * value["train/kl"], rel=1e-3)
        assert value["val/loss"] == pytest.approx(value["val/nll"] + 4 * value["val/kl"], rel=1e-3)


def test_lesson_loss_is_the_loss_without_its_constant_part(aectl: Aectl) -> None:
    lesson = ("+callbacks.lesson._target_=aectl.training.lesson_loss.LessonLoss", "+callbacks.lesson.per_pixel=true")
    fixed = ("likelihood=gaussian", "likelihood.learn_scale=false", "likelihood.scale=0.5")
    (row,) = history(run_folder(aectl("train", "model=ae", *lesson, *fixed, *SMALL, *QUICK)))
    constant = math.log(0.5) + 0.5 * math.log(2 * math.pi)  # of each pixel
    for split in ("train", "val"):
        assert float(row[f"{split}/lesson"]) == pytest.approx(float(row[f"{split}/loss"]) / 64 - constant, rel=1e-4)


def test_learning_rate_follows_its_schedule(aectl: Aectl) -> None:
    rates = {}
    for name in ("cosine", "constant"):
        rows = history(run_folder(aectl("train", f"schedule={name}", *SMALL, "trainer.max_epochs=6")))
        rates[name] = [float(row["lr"]) for row in rows]
    assert rates["constant"] == pytest.approx([4e-3] * 6)
    assert rates["cosine"][0] < rates["cosine"][1] < 4e-3
    assert rates["cosine"][1:] == sorted(rates["cosine"][1:], reverse=True)


def test_early_stopping_and_max_time_end_a_run_before_its_last_epoch(aectl: Aectl) -> None:
    patient = (
        "callbacks=early_stopping",
        "callbacks.early_stopping.patience=1",
        "callbacks.early_stopping.min_delta=1e9",
    )
    assert len(history(run_folder(aectl("train", *SMALL, *patient, "trainer.max_epochs=9")))) == 2
    timed = run_folder(aectl("train", *SMALL, "trainer.max_epochs=100000", "trainer.max_time=00:00:00:02"))
    assert 1 <= len(history(timed)) < 2000
    assert (timed / "checkpoints" / "best.ckpt").is_file()


def test_gradient_clipping_and_precision_reach_the_trainer(aectl: Aectl) -> None:
    plain, clipped, half = (
        run_folder(aectl("train", *SMALL, *QUICK, f"outputs={name}", *more))
        for name, more in (
            ("a", ()),
            ("b", ("trainer.gradient_clip_val=1e-6", "optimizer=rmsprop", "optimizer.lr=1e-9")),
            ("c", ("trainer.precision=bf16-mixed",)),
        )
    )
    assert float(history(clipped)[0]["val/loss"]) > float(history(plain)[0]["val/loss"])
    assert float(history(half)[0]["val/loss"]) == pytest.approx(float(history(plain)[0]["val/loss"]), rel=0.05)


def test_a_file_in_place_of_the_output_folder_is_named_in_one_line(aectl: Aectl, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    result = aectl("train", *SMALL, *QUICK, "outputs=note.txt")
    assert result.status == 2
    assert re.fullmatch(r"aectl train: hydra.run.dir=note.txt/\S+: Not a directory; .* outputs=FOLDER\n", result.err)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_no_two_runs_share_a_folder(tmp_path: Path) -> None:
    wanted = tmp_path / "task" / "2026-01-31_12-00-00"
    assert [fresh_folder(wanted).name for _ in range(3)] == [wanted.name, f"{wanted.name}-2", f"{wanted.name}-3"]


def test_simultaneous_trainings_get_a_folder_each(tmp_path: Path) -> None:
    said = together(printed_in, tmp_path, "train", *SMALL, *QUICK, "outputs=outputs", processes=2)
    folders = {re.search(r"cpu · (\S+)/\n", out)[1] for out in said}  # type: ignore[index]
    assert len(folders) == 2
    assert all((tmp_path / folder / "summary.json").is_file() for folder in folders)


class TestSweep:
    """`aectl train -m`."""

    def test_every_job_has_a_folder_and_the_table_lists_them_best_first(self, aectl: Aectl) -> None:
        result = aectl("train", "model=ae,vae", "model.latent_dim=2,8", "net=mlp", "trainer.max_epochs=2", "-m")
        assert result.status == 0
        table, following = re.split("page:|next:", result.out.split("best first")[1])[:: 2 if has_plotly() else 1]
        folders = re.findall(r"outputs/sweeps/\S+", table)
        assert len(set(folders)) == 4
        assert all(line == line.rstrip() for line in result.out.splitlines())
        assert "their losses mean different things (model ae, vae), so they are sorted by val/psnr" in table
        summaries = [json.loads((Path(folder) / "summary.json").read_text()) for folder in folders]
        scores = [summary["metrics"]["val/psnr"] for summary in summaries]
        assert scores == sorted(scores, reverse=True)
        assert following.split("\n")[1] == f"  aectl eval {folders[0]}"
        assert following.split("\n")[-2] == f"  aectl compare {Path(folders[0]).parent}"
        page = Path(folders[0]).parent / "compare.html"
        assert page.is_file() == has_plotly() == (f"page: {page}\n" in result.out)
        assert {Path(folder).name.split("-", 1)[1] for folder in folders} == {
            "reconstruct-ae-digits",
            "reconstruct-vae-digits",
        }

    def test_failed_job_is_reported_and_the_others_continue(self, aectl: Aectl) -> None:
        result = aectl("train", "-m", "model.latent_dim=-1,4", *SMALL, *QUICK)
        assert result.status == 1
        assert (
            "job 0 failed: model.latent_dim=-1: expected a number greater than 0; try model.latent_dim=16" in result.err
        )
        assert "Traceback" not in result.err
        assert result.out.index("failed") > result.out.index("best first")
        assert len(list(Path("outputs").rglob("best.ckpt"))) == 1

    def test_typo_in_a_sweep_starts_no_job(self, aectl: Aectl, tmp_path: Path) -> None:
        result = aectl("train", "-m", "model=ae,vea")
        assert result.status == 2
        assert "model=vea: no such model" in result.err
        assert not list(tmp_path.iterdir())

    def test_preset_sweeps_without_a_flag(self, aectl: Aectl) -> None:
        result = aectl("train", "sweep=seeds", *SMALL, *QUICK)
        assert result.status == 0
        assert "5 jobs, best first" in result.out

    def test_simultaneous_sweeps_get_a_folder_each(self, tmp_path: Path) -> None:
        said = together(printed_in, tmp_path, "train", "-m", "seed=1", *SMALL, *QUICK, processes=2)
        assert all("jobs, best first" in out for out in said)
        assert len(list((tmp_path / "outputs" / "sweeps").iterdir())) == 2


def test_run_without_a_last_validation_has_pictures(aectl: Aectl) -> None:
    run = run_folder(aectl("train", *SMALL, "trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2"))
    events = EventAccumulator(str(run)).Reload()
    assert "input, output, target" in events.Tags()["images"]


def test_the_commands_printed_at_the_end_work_when_pasted(aectl: Aectl, tmp_path: Path) -> None:
    for side in range(24, 28):
        photo(tmp_path / "my photos, 1" / f"{side}.png", (24, side))
    words = ("task=denoise", "model=rednet", "model.features=2", "model.depth=2", "dataset=folder", "tracker=none")
    result = aectl("train", *words, "dataset.root=my photos, 1", *QUICK, "hydra.run.dir='odd run'")
    assert result.status == 0, result.err
    printed = [line.strip() for line in result.out.partition("next:\n")[2].splitlines()]
    assert printed[1] == "aectl predict 'odd run' input='my photos, 1'"
    result = aectl(*shlex.split(printed[1])[1:])
    assert "wrote 4 of 4 pictures" in result.out
