"""Runs whose config names classes from outside the package: trained by their author, opened by who trusts them."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import BARE, Aectl, report_of
from tests.support.short_runs import SMALL, epochs

MODULE = """
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.types import NonNegativeFloat, PositiveInt, Shape


class CriticVAE(VAE):
    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
        critic: Net,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)
        self.critic = critic.encoder(self.shape, 1)
"""
MODEL = """
defaults:
  - vae
_target_: own_models.CriticVAE
critic: ${net}
"""


@pytest.fixture
def _own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of the user's, and a folder of configs with a model that it defines."""
    (tmp_path / "own_models.py").write_text(MODULE)
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "critic.yaml").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)


@pytest.mark.usefixtures("_own_model")
def test_a_model_from_outside_the_package_is_trained_evaluated_and_resumed(aectl: Aectl) -> None:
    run = Path("run")
    started = aectl(
        *("train", "--config-dir", "mine", "model=critic", *SMALL, "trainer.max_epochs=1", f"hydra.run.dir={run}")
    )
    assert started.status == 0, started.err
    sys.modules.pop("own_models")
    for refused in (aectl("eval", str(run), *BARE), aectl("train", f"resume={run}", "trainer.max_epochs=2")):
        assert refused.status == 2
        assert "model._target_=own_models.CriticVAE: not a class that aectl ships" in refused.err
        assert "trust=true" in refused.err
    assert "own_models" not in sys.modules
    assert aectl("eval", str(run), *BARE, "trust=true").status == 0
    assert report_of(run)["scores"]
    resumed = aectl("train", f"resume={run}", "trainer.max_epochs=2", "trust=true")
    assert resumed.status == 0, resumed.err
    assert epochs(str(run)) == [0, 1]
    assert "trust" not in yaml.safe_load((run / "config.yaml").read_text())
    assert aectl("train", f"resume={run}", "trainer.max_epochs=3").status == 2, "trust is asked for every time"


def test_trust_is_true_or_false(aectl: Aectl, runs: dict[str, Path]) -> None:
    assert "trust=maybe: expected true or false" in aectl("train", f"resume={runs['ae']}", "trust=maybe").err


def test_a_resumed_run_cannot_configure_hydra(aectl: Aectl, trained: dict[str, Path], tmp_path: Path) -> None:
    run, canary = Path(shutil.copytree(trained["ae"], tmp_path / "run")), tmp_path / "it-ran"
    config = yaml.safe_load((run / "config.yaml").read_text())
    logging = {"version": 1, "formatters": {"evil": {"()": "os.mkdir", "path": str(canary)}}}
    config |= {"hydra": {"job_logging": logging, "callbacks": {}}, "trust": True}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    aectl("train", f"resume={run}", "trainer.max_epochs=4")
    assert not canary.exists()
    assert epochs(str(run)) == [0, 1, 2, 3]
