"""The contract that every model keeps, on every task with every net."""

import copy
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from aectl.config import CONFIGS, options
from aectl.data.loader import Batch, Data
from aectl.data.source import SplitName
from aectl.errors import UserError
from aectl.example import Example
from aectl.models.ae import AE
from aectl.models.base import Autoencoder, NotGenerativeError
from aectl.models.capabilities import HasLatent, HasPrior
from aectl.rng import seeded_rng
from aectl.runs.run import Run
from tests.support.toy_models import completed

MODELS = options("model")
NETLESS = ("code_prior", "mae", "music_vae", "rednet", "unet")
"""Models that are their own net, and so the same with each."""
COMBINATIONS = [
    *itertools.product(sorted({*MODELS} - {*NETLESS}), options("task"), options("net")),
    *itertools.product(NETLESS, options("task"), ["conv"]),
]
NUM_EXAMPLES = 5
DATA = {"colorize": ("dataset._target_=tests.support.colour_digits.ColourDigits",)}
"""The data of a task that does not go with the digits."""
MELODIES = ("~dataset.size", "dataset._target_=tests.support.toy_melodies.ToyMelodies", "+dataset.bars=1")
ONLY_TRAINS = ("callbacks", "schedule", "sweep", "tracker", "trainer")
"""Parts of a config that are left out, as to copy them takes longer than to build a model."""


@pytest.fixture(scope="module", autouse=True)
def _caches_are_emptied() -> Iterator[None]:
    """So many configs would cost every test that follows: half a second for each full garbage collection."""
    yield
    composed.cache_clear()
    data_of.cache_clear()


@cache
def composed(*overrides: str, model: str = "vae") -> DictConfig:
    """A training config, without what data set and task decide about the model, and without what only trains it."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("train", [f"model={model}", *overrides])
    return OmegaConf.masked_copy(cfg, [key for key in cfg if key not in ONLY_TRAINS])


def complete(*overrides: str, model: str = "vae", **swapped: str) -> DictConfig:
    """A training config, complete with shapes.

    Arguments:
        overrides: what it is composed with.
        model: the choice of the model.
        swapped: the choice of other groups, whose nodes are put in afterwards, as to compose takes a tenth of a second.
    """
    cfg = copy.deepcopy(composed(*overrides, model=model))
    for group, choice in swapped.items():
        cfg[group] = copy.deepcopy(composed(f"{group}={choice}", *overrides)[group])
    if "prior_transforms" in cfg.model:
        cfg.model.prior_transforms = 1  # of four layers of a flow each case takes a fifth of a second
    return completed(cfg, data_of(*overrides))


@cache
def data_of(*overrides: str) -> Data:
    """The data of a training config, read once."""
    return opened(composed(*overrides)).data


def opened(cfg: DictConfig, data: Data | None = None) -> Run:
    """A run that has not been trained, on its data if they are read already."""
    run = Run(Path(), cfg, Path())
    if data:
        vars(run)["data"] = data  # as `Run.data` keeps what it has read
    return run


def model_batch(run: Run, split: SplitName, n: int) -> Batch:
    """The first examples of a split, as a task gets them."""
    batch = run.data.batches(split).take(torch.arange(n))
    return {**batch, "x": run.modality.to_model(batch["x"])}


def refuses_conv(refusal: UserError, latent: str) -> bool:
    """Whether a model says that it takes no grid of latents, another kind of net, or no images."""
    on_grid = latent == "grid" and "net.latent=vector" in str(refusal)
    return on_grid or "net._target_ is Conv" in str(refusal) or refuses_images(refusal)


def refuses_images(refusal: UserError) -> bool:
    return ": takes tokens, but" in str(refusal)


@pytest.mark.parametrize(("model", "task", "net"), COMBINATIONS)
def test_model_keeps_its_contract(model: str, task: str, net: str) -> None:
    torch.manual_seed(0)
    chosen = DATA.get(task, ())
    run = opened(complete(*chosen, model=model, task=task, net=net), data_of(*chosen))
    batch = model_batch(run, "val", NUM_EXAMPLES)
    example = run.task(**batch)
    try:
        built = run.build()
    except UserError as refusal:  # in words that name what it does not go with
        named = rf"\b(net|task|net\.latent)={re.escape(net)}|\btask={task}|\bnet\."
        assert refuses_images(refusal) or re.search(named, str(refusal)), refusal
        return
    assert_keeps_contract(built, example)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_a_net_unless_it_is_one(model: str) -> None:
    assert ("net" in composed(model=model).model) == (model not in NETLESS)


@pytest.mark.parametrize("model", MODELS)
def test_model_keeps_its_contract_on_tokens(model: str) -> None:
    torch.manual_seed(0)
    run = opened(complete(*MELODIES, "task=reconstruct", "likelihood=categorical", "net=gru", model=model))
    try:
        built = run.build()
    except UserError as refusal:
        assert re.search(r"\blikelihood=|\bnet=", str(refusal)), refusal
        return
    assert_keeps_contract(built, run.task(**model_batch(run, "val", NUM_EXAMPLES)))


def assert_keeps_contract(built: Autoencoder, example: Example) -> None:
    """Asserts what every model does with a batch that fits it."""
    assert tuple(example.target.shape[1:]) == built.shape
    assert tuple(example.input.shape[1:]) == built.input_shape

    for player, parameters in built.players.items():
        built.zero_grad()
        terms = built.loss(example, player)
        assert all(term.ndim == 0 and torch.isfinite(term) for term in terms.values())
        terms["loss"].backward()
        assert parameters, player
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters), player

    built.eval()
    output = built.reconstruct(example.input, example.cond)
    assert output.shape == example.target.shape
    assert torch.equal(output, built.reconstruct(example.input, example.cond))
    latents = built.embed(example.input, example.cond)
    assert latents.shape == (NUM_EXAMPLES, built.latent_size)
    if isinstance(built, HasLatent):
        assert built.decode_mean(latents, example.cond).shape == example.target.shape
    assert built.generative or not isinstance(built, HasPrior)
    if built.generative:
        assert built.sample(NUM_EXAMPLES, example.cond).shape == example.target.shape
    else:
        with pytest.raises(NotGenerativeError, match="sampler=gaussian"):
            built.sample(NUM_EXAMPLES)


@pytest.mark.parametrize("latent", ["vector", "grid"])
@pytest.mark.parametrize("task", ["denoise", "super-res"])
@pytest.mark.parametrize("model", options("model"))
def test_conv_takes_colour_images_whose_sides_its_stride_does_not_divide(model: str, task: str, latent: str) -> None:
    try:
        chosen = ("dataset=photos", "dataset.size=30", "net=conv", f"net.latent={latent}")
        run = opened(complete(*chosen, model=model, task=task))
        built = run.build().eval()
    except UserError as refusal:  # photographs have no labels
        assert "model.num_classes" in str(refusal) or refuses_conv(refusal, latent)
        return
    x = torch.rand(2, *built.shape)
    assert built.reconstruct(run.task.degrade(x)).shape == x.shape


@pytest.mark.parametrize("latent", ["vector", "grid"])
@pytest.mark.parametrize("model", MODELS)
def test_loss_and_reconstruction_gives_what_loss_and_reconstruct_give(model: str, latent: str) -> None:
    run = opened(complete("task=super-res", "net=conv", f"net.latent={latent}", model=model))
    try:
        built = run.build().eval()
    except UserError as refusal:
        assert refuses_conv(refusal, latent)
        return
    example = run.task(**model_batch(run, "val", 5))
    with seeded_rng(0, torch.device("cpu")):
        terms, output = built.loss_and_reconstruction(example)
    with seeded_rng(0, torch.device("cpu")):
        expected = built.loss(example)
    assert terms == expected
    assert torch.equal(output, built.reconstruct(example.input, example.cond))


def test_a_loss_of_its_own_is_the_one_that_a_subclass_gives_with_its_reconstruction() -> None:
    run = opened(
        complete("task=denoise", "net=mlp", "model._target_=tests.support.toy_adversary.Adversarial", model="ae")
    )
    built = run.build().eval()
    example = run.task(**model_batch(run, "val", 5))
    assert built.loss_and_reconstruction(example)[0] == built.loss(example)


@pytest.mark.parametrize(
    ("model", "likelihood"),
    [
        *((model, "gaussian") for model in MODELS),
        *itertools.product(("ae", "vae", "rednet"), sorted({*options("likelihood")} - {"categorical"})),
        *itertools.product(("ae", "vae"), ["categorical"]),
    ],
)
def test_every_likelihood_and_every_model_trains(model: str, likelihood: str) -> None:
    torch.manual_seed(0)
    of_tokens = likelihood == "categorical"
    data, task = (MELODIES, "reconstruct") if of_tokens else ((), "denoise")
    run = opened(complete(*data, model=model, task=task, likelihood=likelihood))
    try:
        built = run.build()
    except UserError as refusal:
        assert refuses_images(refusal)
        return
    example = run.task(**model_batch(run, "train", 16))
    optimizer = torch.optim.Adam(built.parameters(), 5e-3)
    losses = []
    for step in range(25):
        optimizer.zero_grad()
        with seeded_rng(step, torch.device("cpu")):
            loss = built.loss(example)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1  # by a nat at least


def test_latent_has_the_configured_size() -> None:
    vector, grid = (opened(complete("model.latent_dim=5", f"net.latent={kind}")).build() for kind in ("vector", "grid"))
    assert isinstance(vector, AE)
    assert isinstance(grid, AE)
    assert vector.latent_shape == (5,)
    assert grid.latent_shape == (5, 2, 2)


def test_beta_vae_differs_from_vae_only_by_beta() -> None:
    vae, beta_vae = (OmegaConf.to_container(complete(model=name).model) for name in ("vae", "beta_vae"))
    assert isinstance(vae, dict)
    assert isinstance(beta_vae, dict)
    assert {key for key in vae if vae[key] != beta_vae[key]} == {"beta"}
