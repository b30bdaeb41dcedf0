"""Test examples that the command line names by index or by class."""

import torch

from aectl.errors import UserError
from aectl.inference.trained_run import TrainedRun

CLASS = "class:"

Named = int | str
"""The index of a test example, or `class:NAME` for one of a class, which the seed chooses."""


def find_example(trained: TrainedRun, key: str, named: Named) -> int:
    """The index of the test example that a key names; a UserError if there is none."""
    split = trained.run.data.split("test")
    n = len(split.x)
    if isinstance(named, int):
        if named < n:
            return named
        raise UserError(f"{key}={named}: no such test example; expected 0 to {n - 1:,}, or {key}={CLASS}NAME")
    by_index = f"the index of a test example, 0 to {n - 1:,}"
    if split.y is None or not split.classes:
        raise UserError(f"{key}={named}: the data set has no classes; expected {by_index}")
    found = (split.y == class_number(named.removeprefix(CLASS), split.classes)).nonzero().flatten()
    if not len(found):
        known = ", ".join(split.classes)
        raise UserError(f"{key}={named}: no test example of such a class; expected {by_index}, or {CLASS}NAME: {known}")
    return int(found[torch.randint(len(found), (1,), generator=torch.Generator().manual_seed(trained.seed))])


def class_number(name: str, classes: list[str]) -> int:
    """The number of a class by its name or its number; -1 if there is none."""
    if name in classes:
        return classes.index(name)
    return int(name) if name.isdecimal() and int(name) < len(classes) else -1


def describe_example(trained: TrainedRun, index: int) -> str:
    """A test example in words: `test image 17, class 3`."""
    split = trained.run.data.split("test")
    of = "" if split.y is None or not split.classes else f", class {split.classes[int(split.y[index])]}"
    return f"test {trained.modality.name[:-1]} {index}{of}"
