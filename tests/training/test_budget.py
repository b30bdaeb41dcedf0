"""The budget: how many epochs so much work is."""

import pytest

from aectl.training.budget import Budget

IMAGE = (1, 10, 10)


@pytest.mark.parametrize(
    ("budget", "num_examples", "epochs"),
    [
        (Budget(1_000, None, 50), 100, 10),
        (Budget(1_000, None, 50), 1_000_000, 1),
        (Budget(1_000, None, 50), 3, 50),
        (Budget(1_000, 20_000, 50), 100, 2),
        (Budget(1_000, 10**9, 50), 100, 10),
        (Budget(1_000, 10, 50), 100, 1),
    ],
    ids=[
        "as many as see the examples",
        "at least one",
        "bounded",
        "fewer by pixels",
        "pixels to spare",
        "one at least",
    ],
)
def test_epochs_follow_from_the_work(budget: Budget, num_examples: int, epochs: int) -> None:
    assert budget.epochs(num_examples, IMAGE) == epochs
