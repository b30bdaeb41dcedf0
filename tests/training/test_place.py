"""A process knows its place by what has started it."""

import pytest

from aectl.errors import UserError
from aectl.training.place import find_place, first_host, is_helper

TORCHRUN = {
    "TORCHELASTIC_RUN_ID": "x",
    "RANK": "5",
    "LOCAL_RANK": "1",
    "GROUP_RANK": "1",
    "WORLD_SIZE": "8",
    "MASTER_ADDR": "first",
    "MASTER_PORT": "29500",
}
SLURM = {
    "SLURM_NTASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
    "SLURM_NODELIST": "gpu[07-09],other",
    "SLURM_JOB_ID": "1234567",
}
BY_HAND = {"MASTER_ADDR": "first", "MASTER_PORT": "29500", "NODE_RANK": "1"}


def test_torchrun_says_all() -> None:
    place = find_place(4, 2, TORCHRUN)
    assert (place.rank, place.local_rank, place.node, place.total) == (5, 1, 1, 8)
    assert (place.address, place.port, place.starter, place.launches) == ("first", 29500, "torchrun", False)


def test_slurm_says_all_and_processes_meet_on_its_first_machine() -> None:
    place = find_place(4, 2, SLURM)
    assert (place.rank, place.local_rank, place.node, place.total) == (5, 1, 1, 8)
    assert (place.address, place.port, place.launches) == ("gpu07", 15_000 + 4567, False)


@pytest.mark.parametrize(
    ("nodes", "host"), [("a", "a"), ("a3,b", "a3"), ("n[5-9]", "n5"), ("n[05,07-9],m", "n05"), ("x y", "x")]
)
def test_first_machine_of_a_list(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_a_process_that_a_user_starts_starts_the_others_of_its_machine() -> None:
    alone = find_place(4, 1, {})
    assert (alone.rank, alone.total, alone.launches) == (0, 4, True)
    second = find_place(4, 2, BY_HAND)
    assert (second.rank, second.local_rank, second.address, second.launches) == (4, 0, "first", True)
    helper = find_place(4, 2, {**BY_HAND, "LOCAL_RANK": "3"})
    assert (helper.rank, helper.local_rank, helper.launches) == (7, 3, False)


def test_one_process_in_a_job_of_slurm_is_alone() -> None:
    assert find_place(1, 1, SLURM)[:4] == (0, 0, 0, 1)
    assert find_place(2, 1, {**SLURM, "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}).launches


def test_only_the_main_process_is_no_helper() -> None:
    assert is_helper(4, 2, TORCHRUN)
    assert is_helper(4, 2, BY_HAND)
    assert not is_helper(4, 2, {**TORCHRUN, "RANK": "0"})
    assert not is_helper(2, 1, {})
    assert not is_helper("abc", 1, {})


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "refusal"),
    [
        (1, 1, TORCHRUN, "trainer.devices=1 trainer.num_nodes=1: torchrun has started 8 processes; expected one for"),
        (2, 2, SLURM, "trainer.devices=2 trainer.num_nodes=2: srun has started 8 processes; expected one for each"),
        (4, 2, {}, "trainer.num_nodes=2: MASTER_ADDR, MASTER_PORT, NODE_RANK not set; expected in the environment"),
        (4, 2, {**BY_HAND, "NODE_RANK": "2"}, "NODE_RANK=2: expected a number from 0 to 1, as trainer.num_nodes=2"),
        (2, 1, {"LOCAL_RANK": "x"}, "trainer.devices=2: the environment has no proper rank of this process: invalid"),
    ],
)
def test_processes_that_could_not_meet_are_refused(
    devices: int, nodes: int, environment: dict[str, str], refusal: str
) -> None:
    with pytest.raises(UserError) as error:
        find_place(devices, nodes, environment)
    assert str(error.value).startswith(refusal)
