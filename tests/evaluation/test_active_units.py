"""Active dimensions of a code: their definition, and the advice when some are inactive."""

import pytest
import torch
from torch import Tensor

from aectl.evaluation.active_units import active_units, describe_inactive


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def varying(*deviations: float) -> Tensor:
    """Codes (N, D) of exactly these standard deviations, with a mean of 5."""
    codes = torch.randn(500, len(deviations), dtype=torch.float64)
    codes = (codes - codes.mean(0)) / codes.std(0, correction=0)
    return 5 + codes * torch.tensor(deviations)


@pytest.mark.parametrize(
    ("deviations", "active"),
    [((1.0, 0.11, 0.09, 0.0), 2), ((0.05, 0.01), 0), ((0.2, 3.0), 2), ((0.0,), 0)],
)
def test_under_a_prior_a_dimension_is_active_above_a_variance_of_a_hundredth(
    deviations: tuple[float, ...], active: int
) -> None:
    assert active_units(varying(*deviations), generative=True) == active


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("deviations", "active"), [((1.0, 0.011, 0.009, 0.0), 2), ((1.0, 1.0), 2), ((0.0, 0.0), 0)])
def test_without_a_prior_dimensions_are_compared_with_the_largest_at_any_scale(
    deviations: tuple[float, ...], active: int, scale: float
) -> None:
    assert active_units(scale * varying(*deviations), generative=False) == active


@pytest.mark.parametrize("generative", [True, False])
def test_nothing_is_advised_when_every_dimension_is_active(generative: bool) -> None:
    assert describe_inactive(8, 8, generative, has_beta=True) == ""


@pytest.mark.parametrize(
    ("active", "generative", "said", "unsaid"),
    [
        (6, True, ["2 of 8 latent dimensions (25%)", "smaller model.latent_dim", "model.beta"], "ignores"),
        (
            0,
            True,
            ["8 of 8 latent dimensions (100%)", "posterior collapse", "decoder ignores them", "model.warmup_epochs"],
            "smaller",
        ),
        (7, False, ["1 of 8 latent dimensions (12%)", "smaller model.latent_dim"], "posterior"),
        (0, False, ["8 of 8 latent dimensions (100%)", "dead code", "lower optimizer.lr"], "smaller"),
    ],
    ids=["partial", "whole", "autoencoder", "dead autoencoder"],
)
def test_inactive_dimensions_are_counted_and_explained(
    active: int, generative: bool, said: list[str], unsaid: str
) -> None:
    text = describe_inactive(8, active, generative, has_beta=True)
    assert all(part in text for part in said)
    assert unsaid not in text


@pytest.mark.parametrize("active", [0, 3, 7])
def test_a_model_without_beta_is_not_advised_to_change_it(active: int) -> None:
    text = describe_inactive(8, active, generative=True, has_beta=False)
    assert f"{8 - active} of 8 latent dimensions" in text
    assert "model.beta" not in text
    assert "warmup" not in text


def test_one_active_dimension_of_64_is_a_collapse_and_one_of_8_is_not() -> None:
    assert describe_inactive(64, 1, generative=True, has_beta=True).startswith("posterior collapse: 63 of 64")
    assert "posterior collapse" not in describe_inactive(8, 1, generative=True, has_beta=True)
