"""Whole commands, in processes of their own or quietly in this one."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from aectl.cli.main import main


def quietly(work: Callable[..., Any] | str, *args: Any, **kwargs: Any) -> None:
    """Calls a function, or a verb of aectl, with nothing printed."""
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere), redirect_stdout(nowhere):
        if isinstance(work, str):
            main([work, *args])
        else:
            work(*args, **kwargs)


def timed(*command: str) -> tuple[float, str]:
    """The seconds that a command takes as a fresh Python process, and what it printed."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    return time.perf_counter() - begun, done.stdout


def number(pattern: str, text: str) -> float:
    """The number that a pattern finds in what a command printed."""
    found = re.search(pattern, text)
    assert found, text
    return float(found[1])
