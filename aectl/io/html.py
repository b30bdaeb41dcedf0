"""Values within an HTML page."""

import json
from typing import Any


def as_json(value: Any) -> str:
    """JSON that may stand within a script element: it holds no `<`."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")
