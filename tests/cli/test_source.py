"""`aectl train model=code_prior source=RUN`: what it takes from the source, and that it needs it no more afterwards."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from aectl import runs
from tests.conftest import QUICK, Aectl, run_folder
from tests.support.kill_and_resume import differences
from tests.support.short_runs import on_step, press

SMALL = ("net.channels=[4,4]", "net.hidden=4", "model.num_codes=8", "model.latent_dim=4", "~callbacks.projector")
PRIOR = ("model=code_prior", "model.features=8", "model.layers=1", "~callbacks.projector", *QUICK)


@pytest.fixture
def source(aectl: Aectl) -> Path:
    result = aectl("train", "model=vqvae", "dataset=digits_28", "task=denoise", "task.sigma=0.3", *SMALL, *QUICK)
    return run_folder(result)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]


def test_prior_has_data_task_and_weights_of_its_source_and_needs_it_no_more(aectl: Aectl, source: Path) -> None:
    prior = run_folder(aectl("train", f"source={source}", *PRIOR))
    config, former = (yaml.safe_load((run / "config.yaml").read_text()) for run in (prior, source))
    assert config["model"]["autoencoder"] == former["model"]
    assert all(config[group] == former[group] for group in ("dataset", "task"))
    assert config["names"]["dataset"] == "digits_28"
    for name, value in weights(source).items():
        if name.startswith("model.") and "counts" not in name:
            assert torch.equal(weights(prior)[name.replace("model.", "model.autoencoder.", 1)], value), name

    shutil.rmtree(source)
    moved = Path(shutil.move(prior, "elsewhere"))
    assert runs.open(moved).title == "code_prior · denoise · digits_28"
    assert aectl("sample", moved, "n=4", "label=3", "steps=1", "temperature=0.5").status == 0
    resumed = aectl("train", f"resume={moved}", "trainer.max_epochs=2")
    assert resumed.status == 0, resumed.err
    again = aectl("train", f"like={moved}")
    assert again.status == 2
    assert f"source={source}: no such folder" in again.err


def test_codebooks_and_priors_that_were_stopped_give_the_same_bits(
    aectl: Aectl, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = ("data.batch_size=200", "trainer.max_epochs=2", "~callbacks.pictures")
    codes, prior = ("model=vqvae", *SMALL, *short), (f"source={source}", *PRIOR[:-3], *short)
    for name, arguments in {"codes": codes, "prior": prior}.items():
        with monkeypatch.context() as patch:
            on_step(patch, 9, press("SIGTERM"))
            assert aectl("train", *arguments, f"hydra.run.dir={name}").status == 143
        assert aectl("train", f"resume={name}").status == 0
        assert aectl("train", *arguments, f"hydra.run.dir={name}-whole").status == 0
        assert differences(Path(f"{name}-whole"), Path(name)) == []


def test_what_is_no_source_is_refused_in_one_line(aectl: Aectl, source: Path) -> None:
    for arguments, expected in {
        ("model=code_prior",): "source: missing; model=code_prior learns to draw the codes of a run: source=RUN",
        ("model=code_prior", "source=nowhere"): "source=nowhere: no such folder or checkpoint",
        ("model=vae", f"source={source}"): "only model=code_prior has a source; leave it out",
        (*PRIOR, f"source={source}", "dataset=digits"): "leave out dataset= and task=, which are the source's",
    }.items():
        result = aectl("train", *arguments)
        assert result.status == 2
        assert expected in result.err
        assert result.err.count("\n") == 1
    assert "train one: aectl train model=code_prior source=RUN" in aectl("sample", source, "sampler=prior").err
    assert len(list(Path("outputs").rglob("config.yaml"))) == 2  # of the source and Hydra's
