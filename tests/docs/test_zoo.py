"""The page of the zoo: which models it measures, and that its rows say what was measured."""

from typing import Any

import numpy as np
import pytest

from aectl.cli.model_catalogue import list_models
from docs import tables, zoo, zoo_page
from docs.zoo_pythae import PEERS

NAMES = [entry.name for entry in zoo.list_drawing_models()]


def facts(frechet: dict[str, float], likelihood: dict[str, Any], **model: Any) -> dict[str, Any]:
    """What is measured of a model, with these keys of its own."""
    net = {"_target_": "aectl.models.nets.mlp.MLP", "hidden": [512]}
    return {
        "cpu_seconds": 12.4,
        "frechet": frechet,
        "config": {
            "model": {"net": net, "latent_dim": 16, **model},
            "net": net,
            "likelihood": {"_target_": "Gaussian", "scale": 0.1},
            "names": {"model": "vae", "dataset": "fashion_mnist", "net": "mlp", "likelihood": "gaussian"},
            "budget": {"examples": 1000},
            "data": {"batch_size": 8},
            "optimizer": {"lr": 2e-3},
            "seed": 0,
        },
        "report": {
            "parameters": 1234,
            "scores": {"psnr": {"mean": 20.126}, "ssim": {"mean": 0.7}},
            "terms": {"loss": -512.0},
            "likelihood": likelihood,
            "embeddings": {
                "accuracy": {"latents": {"knn": {"mean": 0.8}}},
                "active": 15,
                "units": 16,
                "protocol": {"knn": "5 nearest neighbours", "train": 100},
            },
            "protocol": {"n": 10},
        },
    }


VAE = facts({"prior": 9.0, "gaussian": 4.0}, {"elbo": {"mean": 500.2}})


def rows(**named: dict[str, Any]) -> list[str]:
    """The lines of a table of a VAE and of other models, without the protocol."""
    table = zoo_page.table({"vae": VAE, **named}, dict.fromkeys(["vae", *named], "variational"), {}, 0.5)
    return table.splitlines()[table.splitlines().index("") + 1 :]


def test_every_model_that_draws_images_is_measured_and_none_that_restores_or_needs_another_run() -> None:
    assert {"vae", "aae", "ae", "vqvae", "hvae", "cvae"} <= {*NAMES}
    left_out = [entry for entry in list_models() if entry.name not in NAMES]
    assert {entry.family for entry in left_out if entry.name not in (zoo.PRIOR, *zoo.OF_TOKENS)} == {"restoring"}


def test_the_page_has_a_row_of_each_model_in_it_under_the_heads_of_the_table() -> None:
    lines = (tables.PAGES / "zoo.md").read_text().splitlines()
    start = lines.index(f"| {' | '.join(zoo_page.COLUMNS)} |")
    shown = [line.split("|")[2].split("`")[1] for line in lines[start + 2 :] if line.startswith("|")]
    assert shown == [name for name in NAMES if name in shown]
    assert zoo_page.REFERENCE in shown


def test_a_row_says_what_was_measured_and_which_sampler_is_the_best() -> None:
    cells = "| variational | `vae` | 1,234 | 12 | 20.13 | 0.700 | 500 | 9.00 | 4.00 Gaussian | 80.0% | 15 of 16 |"
    assert rows()[2].startswith(cells)


def test_what_a_run_has_not_in_common_with_the_others_is_a_footnote_from_its_config() -> None:
    other = facts({"prior": 1.0}, {"elbo": {"mean": 1.0}}, k=5, latent_dim=32, num_classes=10)
    other["config"]["model"]["net"] = {"_target_": "aectl.models.nets.conv.Conv", "channels": [16, 32]}
    row, (net, wide, told, bound) = rows(iwae=other)[3], rows(iwae=other)[-4:]
    assert "512" in row
    assert [line.split(" ", 1)[1] for line in (net, wide, told)] == [
        "`net=mlp net.channels=[16,32]`.",
        "`model.latent_dim=32`.",
        "Encoder and decoder are told the class.",
    ]
    assert bound.endswith("In brackets the bound of 5 importance samples, on which it is trained.")


def test_codes_show_the_prior_that_was_trained_on_them() -> None:
    codes = facts({"prior": 0.9}, {"note": "not available"}, levels=[4, 4])
    codes["report"]["terms"]["perplexity"] = 190.4
    codes["prior"] = facts({}, {"elbo": {"mean": 300.0}}, layers=2, features=64)
    row = rows(fsq=codes)[3]
    assert "1,234 + 1,234 | 12 + 12<sup>" in row
    assert "| 300 | 0.90 | 0.90 prior | 80.0% | perplexity 190 |" in row


def test_the_picture_has_a_row_for_each_model() -> None:
    figure = zoo_page.picture({name: np.zeros((8, 1, 28, 28)) for name in ("real", "vae", "aae")})
    assert {axes.get_ylabel() for axes in figure.axes} == {"real", "vae", "aae", ""}


@pytest.mark.parametrize("name", [name for name in PEERS if name != "vae_gan"])
def test_each_model_of_pythae_stands_beside_one_of_ours(name: str) -> None:
    assert name in NAMES


def test_a_model_of_pythae_shows_its_scores_beside_ours() -> None:
    peers = {"vae": {"psnr": 18.0, "frechet": 30.0, "sampler": "NormalSampler"}}
    assert zoo_page.table({"vae": VAE}, {"vae": "variational"}, peers, 0.5).endswith("| 18.00 | 30.00 |")
