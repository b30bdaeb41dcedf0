"""Runs of earlier versions open, compute what they did and resume; one that does not open names the version that can.

The runs in `fixtures` were written by the versions that they are named after, `early` by the first commit whose data
sets were whole. They were trained by such calls as

    aectl train model=vae net=mlp net.hidden=[4] model.latent_dim=2 task=denoise likelihood=gaussian seed=1 \
        trainer.max_epochs=3 optimizer.lr=0.02 callbacks.pictures=null callbacks.projector=null

and the paths that Lightning keeps in a checkpoint were made relative. A new version adds a run of its own.
"""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import aectl as package
from aectl import __version__
from aectl.config import check, locate
from aectl.errors import UserError
from aectl.runs import upgrades
from aectl.runs.upgrades import (
    ADDED,
    RENAMED,
    stored_version,
    upgrade_checkpoint,
    upgrade_config,
    upgrade_weights,
    version_number,
)
from aectl.training.preflight import TOP_LEVEL
from aectl.training.records import read_rows
from tests.conftest import BARE, Aectl, report_of

FIXTURES = Path(__file__).parents[1] / "fixtures"
RAMP = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
EXPECTED = {
    "run-0.1": [0.0653575, 0.1952361, 0.5566876, 0.4794455, 0.678915, 0.501479, 0.37906, 0.0479328],
    "run-0.1-flat": [0.0925486, 0.0534889, 0.60808, 0.6134483, 0.6396223, 0.4596461, 0.1727825, 0.0380479],
    "run-0.1-early": [0.4733096, 0.4763008, 0.47962, 0.4759936, 0.478445, 0.4757347, 0.4786175, 0.4762197],
}
"""The diagonal of what each run makes of a ramp."""
LATENTS = {
    "run-0.1": [-0.345193, 1.903457],
    "run-0.1-flat": [1.748628, 2.501131],
    "run-0.1-early": [-0.106916, -0.117202],
}


def test_every_fixture_is_tested() -> None:
    assert {path.name for path in FIXTURES.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("file", ["", "checkpoints/best.ckpt"])
def test_a_run_of_an_earlier_version_computes_what_it_did(name: str, file: str) -> None:
    model = package.open(str(FIXTURES / name / file), accelerator="cpu")
    torch.testing.assert_close(model.reconstruct(RAMP).flatten()[::9], torch.tensor(EXPECTED[name]), rtol=0, atol=1e-5)
    torch.testing.assert_close(model.encode(RAMP)[0], torch.tensor(LATENTS[name]), rtol=0, atol=1e-5)
    assert model.sample(3).shape == (3, 1, 8, 8)


@pytest.mark.parametrize(("name", "psnr"), [("run-0.1", 11.5269), ("run-0.1-early", 7.6835)])
def test_a_run_of_an_earlier_version_is_evaluated(aectl: Aectl, tmp_path: Path, name: str, psnr: float) -> None:
    run = Path(shutil.copytree(FIXTURES / name, tmp_path / name))
    result = aectl("eval", run, *BARE, "accelerator=cpu")
    assert result.status == 0, result.err
    assert report_of(run)["scores"]["psnr"]["mean"] == pytest.approx(psnr, abs=1e-3)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_whole_config_of_an_earlier_version_passes_the_checks_of_this_one(name: str) -> None:
    check(upgrade_config(yaml.safe_load((FIXTURES / name / "config.yaml").read_text())), TOP_LEVEL)


@pytest.mark.filterwarnings("ignore:The loaded checkpoint was produced with Lightning")  # an older Lightning than its
def test_a_run_of_an_earlier_version_is_resumed_to_what_it_would_have_become(aectl: Aectl, tmp_path: Path) -> None:
    """It was stopped in the second of two epochs; `uninterrupted.csv` is of the same training, never stopped."""
    run = Path(shutil.copytree(FIXTURES / "run-0.1-flat", tmp_path / "run"))
    result = aectl("train", "resume=run")
    assert result.status == 0, result.err
    assert "callbacks used to create the checkpoint" not in result.err
    resumed, expected = read_rows(run / "metrics.csv"), read_rows(run / "uninterrupted.csv")
    assert len(resumed) == len(expected) == 2
    assert list(run.glob("events.out.tfevents.*")), "a run from before there were other trackers has TensorBoard"
    for row, former in zip(resumed, expected, strict=True):
        for name, value in former.items():
            assert float(row[name]) == pytest.approx(float(value), rel=1e-6), name
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    assert states["NonFiniteGuard"]["steps"] == 82
    assert {key.partition("{")[0] for key in states} == {"BestCheckpoint", "HealthCheck", "NonFiniteGuard"}


class TestTables:
    @pytest.mark.parametrize(("target", "key"), [(target, key) for target in ADDED for key in ADDED[target]])
    def test_an_added_key_is_a_parameter_of_its_target(self, target: str, key: str) -> None:
        assert key in inspect.signature(locate(target)).parameters

    @pytest.mark.parametrize(("target", "keys"), RENAMED.items())
    def test_a_renamed_key_is_no_longer_a_parameter(self, target: str, keys: dict[str, str | None]) -> None:
        parameters = inspect.signature(locate(target)).parameters
        assert not keys.keys() & parameters.keys()
        assert {key for key in keys.values() if key} <= parameters.keys()

    def test_targets_and_keys_are_upgraded_at_any_depth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(upgrades, "MOVED", {"a.Old": "a.New"})
        monkeypatch.setattr(upgrades, "RENAMED", {"a.New": {"width": "features", "devices": None}})
        monkeypatch.setattr(upgrades, "ADDED", {"a.New": {"link": "sigmoid", "features": 1}})
        stored = {"x": [{"_target_": "a.Old", "width": 8, "devices": 1, "net": {"_target_": "a.New", "link": "tanh"}}]}
        expected = {
            "_target_": "a.New",
            "features": 8,
            "link": "sigmoid",
            "net": {"_target_": "a.New", "link": "tanh", "features": 1},
        }
        assert upgrade_config(stored) == {"x": [expected]}

    def test_a_callback_s_state_moves_to_its_new_name_and_others_stay(self) -> None:
        stored = {"FiniteGuard": 1, "Best{'monitor': 'Best'}": 2, "HealthCheck": 3, "Bestial": 4}
        moved = {"NonFiniteGuard": 1, "BestCheckpoint": 2, "HealthCheck": 3, "Bestial": 4}
        assert upgrade_checkpoint({"epoch": 1, "callbacks": stored}) == {"epoch": 1, "callbacks": moved}

    def test_an_upgraded_config_stays_as_it_is(self) -> None:
        stored = upgrade_config(yaml.safe_load((FIXTURES / "run-0.1" / "config.yaml").read_text()))
        assert upgrade_config(stored) == stored

    def test_decoder_layers_are_renumbered_after_the_removed_one(self) -> None:
        former = {"encoder.1.weight": 0, "decoder.5.weight": 1, "decoder.10.weight": 2, "decoder.10.bias": 3}
        now = ("encoder.1.weight", "decoder.5.weight", "decoder.9.weight", "decoder.9.bias")
        assert upgrade_weights(former, now) == dict(zip(now, range(4), strict=True))

    def test_weights_of_another_net_keep_their_names(self) -> None:
        other = {"decoder.3.weight": 0, "decoder.4.weight": 1}
        assert upgrade_weights(other, ("decoder.3.weight", "decoder.5.weight")) == other


Change = Callable[[dict[str, Any]], None]


def later(tmp_path: Path, version: str, change: Change) -> Path:
    """A run that says that another version wrote it, with another config."""
    run = Path(shutil.copytree(FIXTURES / "run-0.1", tmp_path / "run"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    change(config)
    text = yaml.safe_dump(config)
    (run / "config.yaml").write_text(text)
    path = run / "checkpoints" / "best.ckpt"
    contents = torch.load(path, weights_only=True)
    torch.save({**contents, "aectl": {"version": version, "config": text}}, path)
    return run


def add_key(config: dict[str, Any]) -> None:
    config["model"]["prior"] = "flow"


def add_class(config: dict[str, Any]) -> None:
    config["model"]["_target_"] = "aectl.models.vae.FlowVAE"


def add_module(config: dict[str, Any]) -> None:
    config["task"]["_target_"] = "aectl.tasks.of_a_later_version.Task"


def widen(config: dict[str, Any]) -> None:
    config["model"]["net"]["hidden"] = [5]


class TestVersions:
    @pytest.mark.parametrize("change", [add_key, add_class, add_module, widen])
    @pytest.mark.parametrize("file", ["", "checkpoints/best.ckpt"])
    @pytest.mark.parametrize(("version", "age"), [("0.10.0", "a later"), ("0.0.9", "an earlier")])
    def test_a_run_that_does_not_open_names_the_version_that_can(
        self, tmp_path: Path, change: Change, file: str, version: str, age: str
    ) -> None:
        run = later(tmp_path, version, change) / file
        with pytest.raises(UserError) as raised:
            package.open(str(run), accelerator="cpu")
        said = str(raised.value)
        assert said.startswith(f"run={run}")
        assert said.endswith(
            f"written by aectl {version}, {age} version than this {__version__}: open it with aectl {version}"
        )

    def test_a_run_of_another_version_opens_if_it_can(self, tmp_path: Path) -> None:
        run = later(tmp_path, "7.0", lambda config: config.update(colour="blue"))
        assert package.open(str(run), accelerator="cpu").reconstruct(RAMP).shape == RAMP.shape

    def test_an_error_of_a_run_of_this_version_names_no_version(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"model\.prior=flow: unknown parameter of VAE; expected one of") as raised:
            package.open(str(later(tmp_path, __version__, add_key)), accelerator="cpu")
        assert "written by" not in str(raised.value)

    def test_the_error_is_one_line(self, aectl: Aectl, tmp_path: Path) -> None:
        result = aectl("eval", later(tmp_path, "0.10.0", add_module))
        assert result.status == 2
        assert result.err.strip().count("\n") == 0
        assert (
            "task._target_=aectl.tasks.of_a_later_version.Task: not a class that aectl ships for this key" in result.err
        )

    def test_versions_are_compared_by_their_numbers(self) -> None:
        assert version_number("0.10.1") > version_number("0.9") > version_number("0.9.dev1")[:1]

    @pytest.mark.parametrize("version", [None, 3, "", "\x1b[2J", "1" * 99, "0.1\n0.2"])
    def test_an_invalid_version_is_ignored(self, version: Any) -> None:
        assert stored_version({"aectl": {"version": version}}) is None
