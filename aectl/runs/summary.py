"""What a training left in `summary.json`. The file may be a stranger's, so it may hold anything."""

import json
from pathlib import Path


def read_metrics(summary: Path) -> dict[str, float]:
    """The metrics of the best epoch by name; empty where the file has none or cannot be read."""
    try:
        content = json.loads(summary.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    metrics = content.get("metrics") if isinstance(content, dict) else None
    return {k: v for k, v in metrics.items() if isinstance(v, float)} if isinstance(metrics, dict) else {}
