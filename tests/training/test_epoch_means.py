"""Means over an epoch of what every step gives."""

import pytest
import torch

from aectl.training import epoch_means
from aectl.training.epoch_means import EpochMeans


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_steps_are_weighted_by_their_examples(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(epoch_means, "AT_ONCE", at_once)
    losses, sizes = torch.rand(7), [4, 4, 4, 4, 4, 4, 1]
    found = EpochMeans()
    for loss, n in zip(losses, sizes, strict=True):
        found.update({"loss": loss, "kl": 2 * loss}, n)
    expected = sum(float(loss) * n for loss, n in zip(losses, sizes, strict=True)) / 25
    taken = found.compute()
    assert taken == pytest.approx({"loss": expected, "kl": 2 * expected}, rel=1e-6)
    assert found.compute() == {}


def test_terms_of_two_players_are_averaged_apart() -> None:
    found = EpochMeans()
    for step in range(4):
        found.update({"autoencoder/loss": torch.tensor(1.0 + step)}, 2)
        found.update({"critic/loss": torch.tensor(10.0), "critic/gap": torch.tensor(-1.0)}, 2)
    assert found.compute() == {"autoencoder/loss": 2.5, "critic/loss": 10.0, "critic/gap": -1.0}


def test_autograd_graph_is_not_kept() -> None:
    found = EpochMeans()
    found.update({"loss": torch.ones((), requires_grad=True) * 3}, 1)
    assert not found._waiting[0][1].requires_grad
