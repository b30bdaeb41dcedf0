"""Runs commands for the scripts of the tables, and reads what they leave."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any


def aectl(*arguments: str) -> str:
    """What a command prints; a CalledProcessError if it fails."""
    command = [sys.executable, "-m", "aectl", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def cpu_seconds() -> float:
    """What the commands run so far have used of all cores, whatever else the machine did meanwhile."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_report(run: Path) -> dict[str, Any]:
    """What `aectl eval` has found of a run that was evaluated once."""
    report: dict[str, Any] = json.loads(next(run.glob("eval/*/metrics.json")).read_text())
    return report


def read_summary(run: Path) -> dict[str, Any]:
    """The summary that a training has left."""
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return summary


def read_found(path: Path, nothing: Any) -> Any:
    """What a script has measured before, or `nothing`; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return json.loads(path.read_text()) if path.exists() else nothing
