"""Codes between two others, on a line and along an arc; planes and traversals of the latent space."""

import math

import pytest
import torch
from torch import Tensor

from aectl.inference.latent_space import lerp, slerp


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def angles(codes: Tensor) -> Tensor:
    """Between each code and the next."""
    return torch.cosine_similarity(codes[:-1], codes[1:]).clamp(-1, 1).arccos()


def test_straight_line_goes_at_even_distances() -> None:
    a, b = torch.randn(2, 5)
    codes = lerp(a, b, 9)
    torch.testing.assert_close(codes[0], a)
    torch.testing.assert_close(codes[-1], b)
    torch.testing.assert_close(codes.diff(dim=0), ((b - a) / 8).expand(8, 5))


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_slerp_ends_at_its_ends(dim: int) -> None:
    a, b = torch.randn(dim), 3 * torch.randn(dim)
    codes = slerp(a, b, 7)
    assert codes.shape == (7, dim)
    torch.testing.assert_close(codes[0], a)
    torch.testing.assert_close(codes[-1], b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dim", [2, 16, 128])
def test_slerp_keeps_the_length_and_turns_evenly(dim: int) -> None:
    a, b = 2.5 * torch.nn.functional.normalize(torch.randn(2, dim))
    codes = slerp(a, b, 7)
    torch.testing.assert_close(codes.norm(dim=1), torch.full((7,), 2.5), atol=1e-3, rtol=0)
    whole = torch.cosine_similarity(a, b, dim=0).arccos().item()
    assert angles(codes).tolist() == pytest.approx([whole / 6] * 6, abs=2e-3)


def test_slerp_of_a_right_angle_is_a_quarter_circle() -> None:
    codes = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 4)
    expected = [[math.cos(t), math.sin(t)] for t in (0, math.pi / 6, math.pi / 3, math.pi / 2)]
    torch.testing.assert_close(codes, torch.tensor(expected))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_of_parallel_codes_is_the_straight_line(factor: float) -> None:
    for a in torch.randn(50, 6):
        torch.testing.assert_close(slerp(a, factor * a, 5), lerp(a, factor * a, 5), atol=1e-3, rtol=1e-3)
