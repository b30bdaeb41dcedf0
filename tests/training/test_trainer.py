"""What the node `trainer` of a config sets in Lightning."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from aectl.config import CONFIGS
from aectl.runs.run import instantiate_node
from tests.conftest import QUICK, Aectl

pytestmark = pytest.mark.filterwarnings("ignore:GPU available but not used")


def settings(*overrides: str) -> Any:
    """The settings that a training with these overrides has."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return instantiate_node(compose("train", ["trainer=cpu", *overrides]).trainer)


def test_one_device_of_one_machine_is_the_default() -> None:
    trainer = settings().make(logger=False)
    assert (trainer.num_devices, trainer.num_nodes, trainer.world_size) == (1, 1, 1)
    assert type(trainer.strategy).__name__ == "SingleDeviceStrategy"


def test_devices_strategy_and_machines_reach_lightning() -> None:
    trainer = settings("trainer.devices=2", "trainer.num_nodes=3", "trainer.strategy=ddp").make(logger=False)
    assert (trainer.num_devices, trainer.num_nodes, trainer.world_size) == (2, 3, 6)
    assert type(trainer.strategy).__name__ == "DDPStrategy"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ("trainer.devices=0", "trainer.devices=0: expected a number greater than 0; try trainer.devices=1"),
        ("trainer.num_nodes=two", "trainer.num_nodes=two: expected an integer; try trainer.num_nodes=1"),
        (
            "trainer.strategy=nosuch",
            "trainer.strategy=nosuch: expected 'auto', 'ddp', 'ddp_find_unused_parameters_true' or 'fsdp'; "
            "try trainer.strategy=auto",
        ),
    ],
)
def test_devices_are_checked_before_anything_is_written(given: str, refusal: str, aectl: Aectl, tmp_path: Path) -> None:
    result = aectl("train", given, *QUICK)
    assert (result.status, result.err) == (2, f"aectl train: {refusal}\n")
    assert not list(tmp_path.iterdir())


def test_gradients_of_several_players_are_not_accumulated_by_lightning() -> None:
    several = settings("trainer.accumulate_grad_batches=4")
    assert several.make(num_players=1, logger=False).accumulate_grad_batches == 4
    assert several.make(num_players=2, logger=False).accumulate_grad_batches == 1
    assert several.accumulate_grad_batches == 4


def test_other_settings_reach_lightning() -> None:
    made = settings("trainer.precision=64-true", "trainer.max_epochs=7", "trainer.limit_val_batches=3")
    trainer = made.make(logger=False)
    assert (trainer.precision, trainer.max_epochs, trainer.limit_val_batches) == ("64-true", 7, 3)
    assert made.device() == torch.device("cpu")
