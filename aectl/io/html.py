"""HTML pages from templates, and values within them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def as_json(value: Any) -> str:
    """JSON that may stand within a script element: it holds no `<`."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def fill(template: Path, parts: Mapping[str, str]) -> str:
    """The text of a template with each `{{NAME}}` replaced by the part of that name."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template.read_text())
