"""The callbacks of a config: Lightning's, aectl's and the user's own."""

import inspect
from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Callback

from aectl.config import locate
from aectl.errors import UserError
from aectl.runs.run import instantiate_node


def check_callbacks(nodes: Mapping[str, Any]) -> None:
    """Raises a UserError for the first node that names no class of callbacks."""
    for name, node in nodes.items():
        if node is None:
            continue
        if not isinstance(node, dict) or "_target_" not in node:
            raise UserError(
                f"callbacks.{name}={node}: has no _target_; expected a class of callbacks, such as "
                f"+callbacks.{name}._target_=my_package.MyCallback, or null for none"
            )
        target = locate(node["_target_"], f"callbacks.{name}._target_")
        if inspect.isclass(target) and not issubclass(target, Callback):
            raise not_a_callback(name, node["_target_"])


def build_callback(name: str, node: Mapping[str, Any]) -> Callback:
    """The callback that a node describes; a UserError if it is none."""
    callback = instantiate_node(dict(node))
    if not isinstance(callback, Callback):
        raise not_a_callback(name, node["_target_"])
    return callback


def not_a_callback(name: str, target: str) -> UserError:
    return UserError(
        f"callbacks.{name}._target_={target}: not a callback; expected a subclass of pytorch_lightning.Callback"
    )
