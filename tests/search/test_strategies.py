"""Which jobs a sweep has."""

from itertools import chain

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from aectl.errors import UserError
from aectl.search.strategies import Grid

PARSER = OverridesParser.create()


@pytest.mark.parametrize(
    "words",
    [
        ["model=ae,vae", "model.latent_dim=2,8", "seed=3"],
        ["seed=range(5)", "net.hidden=[16],[32,8]", "~callbacks.projector", "+x='a b','c,d'"],
        ["model.beta=choice(1,2)", "seed=1,2", "model.beta=5"],
        ["optimizer.lr=shuffle(range(1,4))", "a={b:1},{b:2}"],
        [],
    ],
)
def test_grid_has_the_jobs_of_hydra_in_its_order(words: list[str]) -> None:
    overrides = PARSER.parse_overrides(words)
    grid = Grid(overrides)
    if "shuffle" not in str(words):
        assert grid.jobs == list(chain(*BasicSweeper.split_arguments(overrides, None)))
    assert grid.total == len(BasicSweeper.split_arguments(overrides, None)[0])
    assert grid.propose(grid.total) is None


def test_grid_of_an_interval_is_one_line() -> None:
    with pytest.raises(UserError, match=r"optimizer.lr=interval\(1,2\): a grid needs single values.*sweep=optuna"):
        Grid(PARSER.parse_overrides(["optimizer.lr=interval(1,2)"]))
