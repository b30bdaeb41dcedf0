import csv
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from aectl import __version__
from aectl.config import CONFIGS, to_plain
from aectl.runs import open as open_run
from aectl.runs.run import Run, instantiate_node
from aectl.training.fit import build_system
from aectl.training.monitor import Monitor
from aectl.training.preflight import preflight
from aectl.training.records import ConfigInCheckpoint, Hyperparameters, MetricsTable, best_metrics, hyperparameters
from aectl.training.tracking import TrackerLogger
from tests.support.toy_tracker import ToyTracker

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # Lightning's use of torch

OVERRIDES = ["net=mlp", "model.latent_dim=3", "recipe.lr=0.01"]
NAMES = {"model": "vae", "task": "reconstruct", "dataset": "digits", "net": "mlp", "likelihood": "gaussian"}


def composed() -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", OVERRIDES)
    OmegaConf.set_struct(cfg, False)
    cfg.names = NAMES
    return cfg


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three epochs of two batches, recorded and nothing else."""
    folder = tmp_path_factory.mktemp("run")
    experiment = preflight(composed(), folder)
    run = Run.to_train(folder, experiment.config)
    run.write_config()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        limit_train_batches=2,
        limit_val_batches=2,
        callbacks=[
            ConfigInCheckpoint(run.config_text),
            MetricsTable(run.metrics),
            ModelCheckpoint(run.checkpoints, "best", "val/loss", save_last=True),
        ],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    trainer.fit(build_system(experiment), experiment.data.batches("train"), experiment.data.batches("val"))
    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_csv_has_a_row_for_each_epoch(run: Run) -> None:
    rows = table(run.metrics)
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "2"), ("1", "4"), ("2", "6")]


def test_metrics_csv_has_the_loss_and_its_terms_of_both_splits_and_the_learning_rate(run: Run) -> None:
    rows = table(run.metrics)
    assert list(rows[0])[:2] == ["epoch", "step"]
    losses = {f"{s}/{t}" for s in ("train", "val") for t in ("loss", "nll", "kl")}
    assert set(rows[0]) == {"epoch", "step", "lr", "val/psnr", "val/ssim"} | losses
    for row in rows:
        for split in ("train", "val"):
            loss, nll, kl = (float(row[f"{split}/{term}"]) for term in ("loss", "nll", "kl"))
            assert loss == pytest.approx(nll + kl, rel=1e-5)


def test_the_learning_rate_in_metrics_csv_is_the_one_of_the_schedule(run: Run) -> None:
    factor = instantiate_node(run.cfg.schedule)
    expected = [0.01 * factor(step / 6) for step in (0, 2, 4)]
    assert [float(row["lr"]) for row in table(run.metrics)] == pytest.approx(expected, rel=1e-6)


def end_of_epoch(history: MetricsTable, epoch: int, **metrics: float) -> None:
    values = {name: torch.tensor(value) for name, value in metrics.items()}
    trainer = SimpleNamespace(callback_metrics=values, current_epoch=epoch, global_step=10 * epoch + 10)
    history.on_train_epoch_end(cast(Trainer, trainer), cast(LightningModule, None))


def test_metrics_that_come_later_get_a_column_and_those_that_stay_away_leave_it_empty(tmp_path: Path) -> None:
    history = MetricsTable(tmp_path / "metrics.csv")
    end_of_epoch(history, 0, loss=3.0)
    end_of_epoch(history, 1, loss=2.0, val=2.5)
    end_of_epoch(history, 2, val=1.5)
    assert table(tmp_path / "metrics.csv") == [
        {"epoch": "0", "step": "10", "loss": "3.0", "val": ""},
        {"epoch": "1", "step": "20", "loss": "2.0", "val": "2.5"},
        {"epoch": "2", "step": "30", "loss": "", "val": "1.5"},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_a_checkpoint_carries_version_and_config_and_needs_no_pickle(run: Run, name: str) -> None:
    checkpoint = torch.load(run.checkpoints / name, weights_only=True)
    assert checkpoint["aectl"] == {"version": __version__, "config": run.config_text}
    config = yaml.safe_load(checkpoint["aectl"]["config"])
    assert config == yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["model"]["latent_dim"] == 3
    assert config["model"]["shape"] == [1, 8, 8]
    assert config["optimizer"]["lr"] == 0.01
    assert config["names"] == NAMES


def test_a_lone_checkpoint_is_enough_to_open_the_run(run: Run, tmp_path: Path) -> None:
    lone = tmp_path / "from_a_friend.ckpt"
    lone.write_bytes((run.checkpoints / "best.ckpt").read_bytes())
    opened, run = open_run(lone), open_run(run.folder)
    assert opened.cfg == run.cfg
    weights, expected = (each.load(torch.device("cpu")).state_dict() for each in (opened, open_run(run.folder)))
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)


def test_hyperparameters_are_the_keys_a_user_sets_and_what_was_chosen(run: Run) -> None:
    flat = hyperparameters(to_plain(run.cfg))
    assert flat["seed"] == 0
    assert flat["model"] == "vae"
    assert flat["model.latent_dim"] == 3
    assert flat["optimizer.lr"] == 0.01
    assert flat["net.hidden"] == "[512]"
    assert not [key for key in flat if "_target_" in key]
    assert {type(value) for value in flat.values()} <= {str, int, float, bool}


def test_settings_of_single_players_are_hyperparameters(run: Run) -> None:
    config = to_plain(run.cfg)
    config["optimizer"]["players"] = {"discriminator": {"lr": 1e-4, "betas": [0.5, 0.9]}, "autoencoder": {"lr": 2e-3}}
    flat = hyperparameters(config)
    assert {key: value for key, value in flat.items() if key.startswith("optimizer.players")} == {
        "optimizer.players.discriminator.lr": 1e-4,
        "optimizer.players.discriminator.betas": "[0.5, 0.9]",
        "optimizer.players.autoencoder.lr": 2e-3,
    }


def test_best_metrics_are_those_of_the_epoch_with_the_best_score(tmp_path: Path) -> None:
    history = MetricsTable(tmp_path / "metrics.csv")
    end_of_epoch(history, 0, **{"val/loss": 3.0, "val/psnr": 10.0})
    end_of_epoch(history, 1, **{"val/loss": 2.0, "val/psnr": 12.0, "val/ssim": 0.5, "val/kl": 1.0})
    end_of_epoch(history, 2, **{"val/loss": 2.5, "val/psnr": 13.0, "val/ssim": 0.6})
    assert best_metrics(history.path, "val/loss", 2.0) == {"val/loss": 2.0, "val/psnr": 12.0, "val/ssim": 0.5}
    assert best_metrics(history.path, "val/loss", 3.0) == {"val/loss": 3.0, "val/psnr": 10.0}
    assert best_metrics(tmp_path / "missing.csv", "val/loss", 2.0) == {}


def test_hyperparameters_are_logged_at_the_start_and_at_the_end_with_the_best_score(tmp_path: Path) -> None:
    history, tracker = MetricsTable(tmp_path / "metrics.csv"), ToyTracker()
    end_of_epoch(history, 0, **{"val/loss": 12.5})
    trainer = cast(Trainer, SimpleNamespace(logger=TrackerLogger([tracker])))
    best = SimpleNamespace(monitor=Monitor(), best_model_score=torch.tensor(12.5))
    callback = Hyperparameters({"model.beta": 4.0}, cast(ModelCheckpoint, best), history.path)
    callback.on_train_start(trainer, cast(LightningModule, None))
    callback.on_train_end(trainer, cast(LightningModule, None))
    assert tracker.hyperparameters == [({"model.beta": 4.0}, {}), ({"model.beta": 4.0}, {"best/val/loss": 12.5})]
