"""Which process of a training this is, by what has started it: aectl itself, torchrun or SLURM's srun.

Knows only the environment.
"""

import os
import re
import socket
from collections.abc import Mapping
from typing import NamedTuple

from aectl.errors import UserError

MEETING = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
PORTS = 15_000
"""The first of the ports at which jobs of SLURM meet, each at that of the last digits of its number."""


class Place(NamedTuple):
    """A process among those of a training.

    Arguments:
        rank: its number, from 0.
        local_rank: its number on its machine, which is that of its GPU.
        node: the number of its machine.
        total: the processes of all machines.
        address, port: where they meet; port 0: any that is free.
        starter: what has started it, `torchrun` or `srun`; nothing if a user or aectl has.
        launches: whether it starts the others on its machine.
    """

    rank: int
    local_rank: int
    node: int
    total: int
    address: str
    port: int
    starter: str = ""
    launches: bool = False


def find_place(devices: int, nodes: int, environment: Mapping[str, str] = os.environ) -> Place:
    """The place of this process in a training on so many devices a machine.

    Raises:
        UserError: torchrun or srun has started another number of processes, or it is not known where they meet.
    """
    try:
        if "TORCHELASTIC_RUN_ID" in environment:
            return checked(place_by_torchrun(environment), devices, nodes)
        if devices * nodes > 1 and int(environment.get("SLURM_NTASKS", "1")) > 1 and "LOCAL_RANK" not in environment:
            return checked(place_by_slurm(environment), devices, nodes)
        return place_by_user(environment, devices, nodes)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"trainer.devices={devices}: the environment has no proper rank of this process: {error}; "
            "expected that of torchrun or srun, or none"
        ) from error


def is_helper(devices: object, nodes: object, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is not the main process of a training, before it is checked how many there are to be."""
    if "TORCHELASTIC_RUN_ID" in environment:
        return environment.get("RANK", "0") != "0"
    try:
        return isinstance(devices, int) and isinstance(nodes, int) and find_place(devices, nodes, environment).rank > 0
    except UserError:
        return False


def place_by_torchrun(environment: Mapping[str, str]) -> Place:
    rank, local, count = (int(environment[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE"))
    node, address, port = (
        int(environment.get("GROUP_RANK", "0")),
        environment["MASTER_ADDR"],
        environment["MASTER_PORT"],
    )
    return Place(rank, local, node, count, address, int(port), "torchrun")


def place_by_slurm(environment: Mapping[str, str]) -> Place:
    names = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS")
    rank, local, node, count = (int(environment[name]) for name in names)
    address = environment.get("MASTER_ADDR") or first_host(environment.get("SLURM_NODELIST", "127.0.0.1"))
    port = environment.get("MASTER_PORT") or PORTS + int(environment.get("SLURM_JOB_ID", "0")[-4:])
    return Place(rank, local, node, count, address, int(port), "srun")


def first_host(nodes: str) -> str:
    """The first machine of a list as SLURM writes it: `node[05-07,09],other` gives `node05`."""
    first = re.sub(r"\[(\w+)[^\]]*\]", r"\1", nodes)
    return re.split(r"[ ,]", first)[0]


def place_by_user(environment: Mapping[str, str], devices: int, nodes: int) -> Place:
    """The place of a process that a user or aectl has started, once a machine."""
    if nodes > 1 and (missing := [name for name in MEETING if name not in environment]):
        raise UserError(
            f"trainer.num_nodes={nodes}: {', '.join(missing)} not set; expected in the environment of each machine "
            "MASTER_ADDR and MASTER_PORT, a port of the first machine, and NODE_RANK, its number from 0; or start the "
            "processes by torchrun or srun: see docs/many-processes.md"
        )
    local, node = int(environment.get("LOCAL_RANK", "0")), int(environment.get("NODE_RANK", "0")) if nodes > 1 else 0
    if node not in range(nodes):
        raise UserError(f"NODE_RANK={node}: expected a number from 0 to {nodes - 1}, as trainer.num_nodes={nodes}")
    address, port = environment.get("MASTER_ADDR", "127.0.0.1"), int(environment.get("MASTER_PORT", "0"))
    launches = devices > 1 and "LOCAL_RANK" not in environment
    return Place(node * devices + local, local, node, devices * nodes, address, port, launches=launches)


def checked(place: Place, devices: int, nodes: int) -> Place:
    """The place; a UserError if the config says another number of processes."""
    if devices * nodes != place.total:
        raise UserError(
            f"trainer.devices={devices} trainer.num_nodes={nodes}: {place.starter} has started {place.total} "
            "processes; expected one for each device: trainer.devices, those of a machine, times trainer.num_nodes"
        )
    return place


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
