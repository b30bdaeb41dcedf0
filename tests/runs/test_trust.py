"""Runs whose config names classes from outside the package: trained by their author, opened by who trusts them."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import BARE, QUICK, Aectl, report_of
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
    """A module of the user's beside a folder of configs with a model that it defines; neither is on Python's path."""
    (tmp_path / "own_models.py").write_text(MODULE)
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "critic.yaml").write_text(MODEL)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])  # without the current folder


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


@pytest.mark.usefixtures("_own_model")
def test_own_code_is_found_beside_the_configs_from_another_folder_and_leaves_the_path_as_it_was(
    aectl: Aectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    path = list(sys.path)
    started = aectl("train", "--config-dir", "../mine", "model=critic", *SMALL, *QUICK, "hydra.run.dir=run")
    assert started.status == 0, started.err
    assert sys.path == path
    del sys.modules["own_models"]
    lost = aectl("eval", "run", *BARE, "trust=true")
    assert "run=run: model._target_=own_models.CriticVAE: cannot be imported: No module named 'own_models'" in lost.err
    assert "beside the folder of --config-dir" in lost.err
    assert aectl("eval", "run", *BARE, "trust=true", "--config-dir", "../mine").status == 0


@pytest.mark.usefixtures("_own_model")
@pytest.mark.parametrize(
    ("module", "said"),
    [
        (MODULE.replace("CriticVAE", "CriticVEA"), "own_models has no CriticVAE; did you mean CriticVEA?"),
        (MODULE + "\nundefined\n", "cannot be imported: NameError: name 'undefined' is not defined (own_models.py:"),
        (MODULE + "\nx = (\n", "cannot be imported: SyntaxError: '(' was never closed"),
    ],
)
def test_own_code_that_cannot_be_imported_is_one_line(aectl: Aectl, tmp_path: Path, module: str, said: str) -> None:
    (tmp_path / "own_models.py").write_text(module)
    result = aectl("train", "--config-dir", "mine", "model=critic", *SMALL, *QUICK)
    assert (result.status, len(result.err.splitlines())) == (2, 1)
    assert result.err.startswith("aectl train: model._target_=own_models.CriticVAE: ")
    assert said in result.err


@pytest.mark.usefixtures("_own_model")
def test_a_constructor_of_the_users_own_is_not_said_to_have_other_weights(aectl: Aectl, tmp_path: Path) -> None:
    """It may compute with tensors, which cannot be done without memory; and it may fail."""
    module = tmp_path / "own_models.py"
    module.write_text(MODULE + "        self.size = torch.ones(3).sum().item()\n")
    module.write_text("import torch\n" + module.read_text())
    started = aectl("train", "--config-dir", "mine", "model=critic", *SMALL, *QUICK, "hydra.run.dir=run")
    assert started.status == 0, started.err
    assert aectl("eval", "run", *BARE, "trust=true").status == 0
    sys.modules.pop("own_models")
    module.write_text(module.read_text() + "        raise RuntimeError('not today')\n")
    importlib.invalidate_caches()
    err = aectl("eval", "run", *BARE, "trust=true").err
    assert "run=run: its model cannot be built: RuntimeError: not today (own_models.py:" in err


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
