"""A stored config as flat keys, as a user types them: `model`, `model.beta`, `optimizer.lr`. It may be a stranger's."""

import re
from collections.abc import Iterator
from typing import Any

from aectl.config import spell

Value = str | int | float | bool | None
Flat = dict[str, Value]

ABOUT_THE_CALL = ("resume", "like", "outputs", "trust")
ELSEWHERE = ("names", "recipe", "tracker", "mode", *ABOUT_THE_CALL)
"""Top-level keys that say nothing of the result, or whose values stand wherever they belong."""
DERIVED = ("shape", "input_shape", "num_classes", "num_examples", "num_labels")
"""Keys of a model that follow from data set and task."""
COPIED = ("net", "likelihood")
"""Top-level nodes that a stored model has copies of."""
KEY = re.compile(r"[\w+-]{1,60}")
MOST_KEYS, MOST_CHARACTERS = 500, 200


def flatten(config: dict[str, Any]) -> Flat:
    """The values of a plain config that tell runs apart, without what is derived from others or a copy of them.

    A choice is found by its group, `model`; a class without a choice by its node, `optimizer: AdamW`.
    """
    names = config["names"]
    own = {key: value for key, value in config["model"].items() if key not in DERIVED}
    model = {key: value for key, value in own.items() if key not in COPIED or value != config.get(key)}
    flat: Flat = {str(group): name for group, name in names.items() if KEY.fullmatch(str(group))}
    for key, node in {**config, "model": model}.items():
        if key not in ELSEWHERE and KEY.fullmatch(str(key)):
            flat |= dict(leaves(node, str(key), names))
    return {key: flat[key] for key in list(flat)[:MOST_KEYS]}


def leaves(node: Any, path: str, names: dict[str, str]) -> Iterator[tuple[str, Value]]:
    """The single values below a node with their keys; a list is one value."""
    if not isinstance(node, dict):
        yield path, plain_value(node)
        return
    for key, value in node.items():
        if key == "_target_" and path not in names:
            yield path, plain_value(str(value).rpartition(".")[2])
        elif KEY.fullmatch(str(key)):
            yield from leaves(value, f"{path}.{key}", names)


def plain_value(value: Any) -> Value:
    """A value as it is, a list as it is typed, and a long text cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        value = f"[{','.join(spell(item) for item in value)}]"
    return str(value)[:MOST_CHARACTERS]
