"""A run in Python: its examples, its posterior, metrics of one's own, and training like it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.distributions import Normal

import aectl
from aectl.config import to_plain
from aectl.errors import UserError
from aectl.evaluation import tables
from aectl.models.probability.distributions import Dirac

ONLY_SCORES = {"baselines": False, "embeddings": False, "samples": 0, "importance_samples": 0}


def open_run(path: Path) -> "aectl.api.TrainedRun":
    return aectl.open(str(path), accelerator="cpu")


def weights(run: "aectl.api.TrainedRun") -> dict[str, Tensor]:
    return run.model.state_dict()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_batches_are_a_split_in_order_as_the_task_poses_it(trained: dict[str, Path]) -> None:
    run = open_run(trained["vae"])
    examples = list(run.batches("val", batch_size=50))
    split = run.data.split("val")
    assert torch.equal(torch.cat([each.target for each in examples]), split.x.float() / 255)
    assert torch.equal(torch.cat([each.cond for each in examples if each.cond is not None]), split.y)
    assert not torch.equal(examples[0].input, examples[0].target)
    assert torch.equal(next(run.batches("val", batch_size=50)).input, examples[0].input)
    with pytest.raises(UserError, match="split=tset: expected"):
        run.batches("tset")  # type: ignore[arg-type]


def test_the_posterior_is_the_models_distribution(trained: dict[str, Path]) -> None:
    x = torch.rand(3, 1, 8, 8)
    vae, ae = open_run(trained["vae"]), open_run(trained["ae"])
    q = vae.posterior(x)
    assert isinstance(q, Normal)
    torch.testing.assert_close(q.mean.flatten(1), vae.encode(x))
    assert isinstance(ae.posterior(x), Dirac)
    with pytest.raises(UserError, match="model=RedNet: has no posterior; expected a run of a model like ae or vae"):
        open_run(trained["rednet"]).posterior(x)


def test_metrics_of_ones_own_are_scored_and_printed_like_others(
    trained: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def squared(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().flatten(1).mean(1)

    report = open_run(trained["vae"]).evaluate(metrics={"squared": squared}, **ONLY_SCORES)
    assert report.scores["squared"].mean == pytest.approx(report.scores["mse"].mean, rel=1e-5)
    assert report.to_dict()["scores"]["squared"]["high"] > report.scores["squared"].mean
    tables.print_report(report)
    assert f"metrics: squared {report.scores['squared'].mean:.4f} ±" in capsys.readouterr().out


def test_a_metric_that_is_a_mean_over_the_batch_is_one_line(trained: dict[str, Path]) -> None:
    with pytest.raises(UserError, match=r"metrics\['mean'\]: gave values of shape \(\) for a batch of 250 examples"):
        open_run(trained["ae"]).evaluate(metrics={"mean": lambda output, _: output.mean()}, **ONLY_SCORES)


def test_the_module_is_a_copy_and_leaves_the_random_state_alone(trained: dict[str, Path]) -> None:
    run = open_run(trained["ae"])
    state = torch.get_rng_state()
    module = run.module()
    assert torch.equal(torch.get_rng_state(), state)
    assert equal(module.model.state_dict(), weights(run))
    assert module.model.training and not run.model.training
    with torch.no_grad():
        next(module.parameters()).add_(1)
    assert not equal(module.model.state_dict(), weights(run))


def test_training_again_gives_the_same_bits_and_with_changes_another_run(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = open_run(trained["ae"])
    same = run.train()
    assert equal(weights(same), weights(run))
    assert Path("outputs", "reconstruct", "ae-digits") in same.run.folder.parents
    other = run.train({"seed": 1, "model.latent_dim": 3, "trainer.max_epochs": 1}, folder="mine")
    assert other.run.folder == Path("mine")
    assert (other.model.latent_size, other.run.cfg.seed) == (3, 1)
    assert run.train({"seed": 1, "trainer.max_epochs": 1}, folder="mine").run.folder == Path("mine-2")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"model.latnet_dim": 3},
            "model.latnet_dim=3: no such key in the config of the run; did you mean model.latent_dim",
        ),
        ({"recipe.lr": 3}, "recipe.lr=3: change the keys that take its value, such as optimizer.lr"),
        ({"modle.beta": 3}, "modle.beta=3: no such key in the config of the run; see its config.yaml"),
        ({"model.latent_dim": -1}, "model.latent_dim=-1: expected a number greater than 0"),
    ],
)
def test_changes_that_cannot_be_made_are_one_line_and_write_nothing(
    trained: dict[str, Path], tmp_path: Path, changes: dict[str, int], said: str
) -> None:
    with pytest.raises(UserError) as error:
        open_run(trained["ae"]).train(changes, folder=tmp_path / "new")
    assert said in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_run_whose_optimizer_was_left_out_asks_for_trust(trained: dict[str, Path]) -> None:
    run = open_run(trained["ae"])
    cfg = {key: node for key, node in to_plain(run.run.cfg).items() if key != "optimizer"}
    without = replace(run, run=replace(run.run, cfg=OmegaConf.create(cfg)))
    for call in (without.module, without.train):
        with pytest.raises(UserError, match=r"its optimizer names classes that aectl does not ship.*trust=True"):
            call()
