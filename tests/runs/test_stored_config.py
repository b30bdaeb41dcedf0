"""Which classes a stored config may name: those of the shipped configs, where constructors are annotated with them."""

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from aectl.config import CONFIGS
from aectl.errors import UserError
from aectl.models import vae
from aectl.models.nets.base import Net
from aectl.models.probability.likelihoods import Likelihood
from aectl.models.vae import VAE
from aectl.runs import open as open_run
from aectl.runs import stored_config
from aectl.runs.stored_config import check_content, classes_in, fits, shipped
from aectl.types import NonNegativeFloat, PositiveInt, Shape
from tests.support.attack_files import put

GROUPS = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir() and path.name not in ("hydra", "sweep"))
CRITIC = "aectl.models.vae.CriticVAE"


class CriticVAE(VAE):
    """A VAE with nodes that no shipped model has."""

    def __init__(
        self,
        shape: Shape,
        input_shape: Shape,
        latent_dim: PositiveInt,
        beta: NonNegativeFloat,
        warmup_epochs: NonNegativeFloat,
        net: Net,
        likelihood: Likelihood,
        critic: Net | None,
        heads: list[Likelihood],
        anything: Any = None,
        whatever: object = None,
    ) -> None:
        super().__init__(shape, input_shape, latent_dim, beta, warmup_epochs, net, likelihood)


@pytest.fixture
def _critic_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A model of aectl's own with a config of its own."""
    configs = Path(shutil.copytree(CONFIGS, tmp_path / "configs"))
    (configs / "model" / "critic.yaml").write_text(f"_target_: {CRITIC}\n")
    monkeypatch.setattr(vae, "CriticVAE", CriticVAE, raising=False)
    monkeypatch.setattr(stored_config, "CONFIGS", configs)
    for cached in (stored_config.shipped, stored_config.any_shipped):
        cached.cache_clear()
    yield
    for cached in (stored_config.shipped, stored_config.any_shipped):
        cached.cache_clear()


@pytest.fixture
def config(runs: dict[str, Path]) -> dict[str, Any]:
    """The config of a VAE that has a critic and heads too."""
    plain = yaml.safe_load((runs["vae"] / "config.yaml").read_text())
    model = plain["model"]
    nodes = copy.deepcopy({"critic": model["net"], "heads": [model["likelihood"]]})
    return {**plain, "model": {**model, "_target_": CRITIC, **nodes}}


@pytest.mark.usefixtures("_critic_is_shipped")
def test_a_model_with_nodes_of_any_name_can_be_opened_again(runs: dict[str, Path], config: dict[str, Any]) -> None:
    (runs["vae"] / "config.yaml").write_text(yaml.safe_dump(config))
    assert isinstance(open_run(runs["vae"]).load(torch.device("cpu")), CriticVAE)


@pytest.mark.usefixtures("_critic_is_shipped")
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("model.critic", "os.system"),
        ("model.critic", "aectl.models.probability.likelihoods.Bernoulli"),
        ("model.critic", "aectl.data.folder.source.Folder"),
        ("model.critic.hidden", "aectl.models.nets.mlp.MLP"),
        ("model.heads", "aectl.models.nets.mlp.MLP"),
        ("model.heads.0", "aectl.models.nets.mlp.MLP"),
        ("model.anything", "aectl.models.nets.mlp.MLP"),
        ("model.whatever", "aectl.models.nets.mlp.MLP"),
        ("model.unknown", "aectl.models.nets.mlp.MLP"),
        ("model.latent_dim", "aectl.models.nets.mlp.MLP"),
        ("model", "aectl.models.nets.mlp.MLP"),
        ("data.source", "aectl.data.digits.Digits"),
        ("optimizer", "aectl.training.schedules.Cosine"),
        ("callbacks.mine", "aectl.training.optimizers.AdamW"),
        ("critic", "os.system"),
        ("hydra.callbacks.jobs", "aectl.cli.hydra_hooks.TrainHooks"),
    ],
)
def test_a_class_in_a_place_that_is_not_annotated_with_it_is_refused(
    config: dict[str, Any], path: str, target: str
) -> None:
    check_content(config)
    with pytest.raises(UserError, match="not a class that aectl ships for this key"):
        check_content(put(config, path, {"_target_": target}) if path != "model.heads.0" else heads_of(config, target))


def heads_of(config: dict[str, Any], target: str) -> dict[str, Any]:
    return put(config, "model.heads", [{"_target_": target}])


@pytest.mark.usefixtures("_critic_is_shipped")
def test_a_top_level_node_of_any_name_may_be_a_shipped_class(config: dict[str, Any]) -> None:
    check_content({**config, "critic": config["net"]})


def test_a_key_with_a_dot_does_not_hide_the_node_of_that_path(config: dict[str, Any]) -> None:
    plain = {**put(config, "model", {"_target_": "aectl.models.vae.VAE", "net": {"_target_": "os.system"}})}
    with pytest.raises(UserError, match=r"model\.net\._target_=os\.system"):
        check_content({**plain, "model.net": config["net"]})


def test_the_classes_of_an_annotation_are_found_inside_it() -> None:
    assert list(classes_in(list[Net] | None)) == [Net, type(None)]
    assert Likelihood in classes_in(dict[str, Likelihood])
    assert not list(classes_in(object))
    assert not fits("aectl.models.vae.VAE", "net", "aectl.training.optimizers.AdamW")


def test_only_classes_of_aectl_that_build_something_are_shipped() -> None:
    assert {"model", "net", "likelihood", "task", "dataset", "data", "optimizer", "trainer"} <= shipped().keys()
    assert "hydra" not in shipped()
    assert all(target.startswith("aectl.") for targets in shipped().values() for target in targets)
