"""The shares of several processes in a batch are the batch, with the random numbers that one process would draw."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aectl.data.loader import Batches
from aectl.data.sharding import Share
from aectl.data.source import Split

SIZES = [(1, 1), (2, 1), (2, 13), (3, 13), (4, 64), (7, 5)]
"""Processes, and examples of a batch."""


def shares(processes: int, total: int) -> list[Share]:
    return [Share.of(total, process, processes) for process in range(processes)]


@pytest.mark.parametrize(("processes", "total"), SIZES)
def test_shares_are_the_batch_without_overlap(processes: int, total: int) -> None:
    parts = shares(processes, total)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(total))
    assert max(part.size for part in parts) - min(part.size for part in parts) <= 1
    assert sum(part.up_to(total // 2) for part in parts) == total // 2


@pytest.mark.parametrize(("processes", "total"), SIZES)
def test_mean_over_processes_of_weighted_means_is_that_of_the_batch(processes: int, total: int) -> None:
    values = torch.arange(total).double().square()
    means = [values[part.rows].mean() * part.weight for part in shares(processes, total)]
    assert sum(means) / processes == pytest.approx(float(values.mean()), rel=1e-12)


def draw(x: Tensor) -> list[Tensor]:
    """What tasks and models draw for each example of a batch (B, 6, 9)."""
    normal = torch.distributions.Normal(x, x.abs() + 0.1)
    return [
        torch.randn_like(x),
        torch.empty(len(x), 1, 1).uniform_(0, 2),
        torch.rand(*x.shape[:2], 1),
        torch.randint(0, 4, (len(x), 1)),
        normal.rsample(torch.Size([3])).transpose(0, 1),
        torch.bernoulli(x.sigmoid()),
        torch.distributions.Categorical(logits=x[:, 0]).sample(),
        F.dropout(x, 0.5),
    ]


@pytest.mark.parametrize(("processes", "total"), [(2, 13), (3, 13), (5, 3)])
def test_shares_draw_what_one_process_draws(processes: int, total: int) -> None:
    x = torch.randn(total, 6, 9)
    drawn = []
    torch.manual_seed(0)
    whole, state = [*draw(x), torch.randn(11, 17)], torch.get_rng_state()
    for share in shares(processes, total):
        torch.manual_seed(0)
        with share.draws():
            found = [*draw(x[share.rows]), torch.randn(11, 17)]
        assert torch.equal(found.pop(), whole[-1])  # of no example
        assert torch.equal(torch.get_rng_state(), state)
        drawn += [found] if share.size else []
    for one, parts in zip(whole, zip(*drawn, strict=True), strict=False):
        assert torch.equal(torch.cat(parts), one)


def each_process(made: Callable[[], Batches], processes: int) -> list[list[dict[str, Tensor]]]:
    """The batches of an epoch of each process, which all begin with the same random state."""
    epochs = []
    for process in range(processes):
        torch.manual_seed(0)
        epochs.append(list(made().among(process, processes)))
    return epochs


@pytest.mark.parametrize("draw", [False, True])
def test_processes_share_the_order_and_the_pixels_of_an_epoch(draw: bool) -> None:
    split = Split(torch.randint(0, 256, (22, 1, 4, 4), dtype=torch.uint8), torch.arange(22), None, None)
    made = lambda: Batches(split, batch_size=10, shuffle=True, draw=draw)  # noqa: E731
    (alone,) = each_process(made, 1)
    first, *others = each_process(made, 4)
    assert all(len(other) == len(first) == len(alone) for other in others)
    for index, batch in enumerate(alone):
        sizes = [made().among(process, 4).share(index).size for process in range(4)]
        for name, whole in batch.items():
            parts = [each[index][name][:size] for each, size in zip([first, *others], sizes, strict=True)]
            assert torch.equal(torch.cat(parts), whole)
