"""What is said of a training by what it left."""

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from aectl.runs.summary import describe_training


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"status": "done", "epochs": 6}, "trained 2026-01-31 12:00, 6 epochs"),
        ({"status": "interrupted", "epochs": 1}, "trained 2026-01-31 12:00, 1 epoch, interrupted"),
        ({"status": "failed", "epochs": 3}, "trained 2026-01-31 12:00, 3 epochs, failed"),
        ({"status": "running", "epochs": 0}, "trained 2026-01-31 12:00, not finished"),
        ({"status": "\033[31m", "epochs": "many"}, "trained 2026-01-31 12:00"),
        ([], "trained 2026-01-31 12:00"),
    ],
)
def test_a_training_is_described_by_its_time_length_and_end(summary: object, said: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.touch()
    os.utime(config, times=(datetime(2026, 1, 31, 12).timestamp(),) * 2)
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    assert describe_training(tmp_path) == said
