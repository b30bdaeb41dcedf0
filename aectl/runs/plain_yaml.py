"""Reads the YAML that `aectl train` writes, and nothing more of YAML than that. Imports nothing heavy."""

from typing import Any

import yaml

DEEPEST = 20
LONGEST = 100_000
"""Characters; a config has some two thousand."""


class StrictLoader(yaml.SafeLoader):
    """Values, lists and mappings: no tags, no anchors, and no deeper than a config is."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError("it has an anchor or an alias; expected plain values")
        if getattr(event, "tag", None):
            raise ValueError(f"it has the tag {event.tag}; expected plain values")
        if self.depth == DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def parse_yaml(text: str) -> Any:
    """What the text says.

    Raises:
        ValueError: it is too long, not YAML, or has anchors, tags or more levels than a config.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST:,} characters")
    try:
        return yaml.load(text, StrictLoader)
    except (yaml.YAMLError, TypeError, LookupError, OverflowError) as error:  # PyYAML's constructors meet odd values
        raise ValueError(f"it is not YAML ({' '.join(str(error).split())})") from error
