"""What code trained a run: versions, and the git commit of the user's own code."""

import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aectl import __version__
from aectl.config import PACKAGE, locate, target_nodes, to_plain
from aectl.io.atomic import write_json
from aectl.runs.run import Run
from aectl.runs.summary import read_mapping

GIT_SECONDS = 10
LIBRARIES = ("numpy", "pytorch-lightning", "torch")


def write_code(run: Run) -> Path:
    """Writes `code.json`: the versions, and commit and state of each git repository that holds code of the run."""
    versions = {"aectl": __version__, "python": platform.python_version()}
    versions |= {library: version(library) for library in LIBRARIES}
    return write_json(run.folder / "code.json", {"versions": versions, "git": repositories(code_folders(run))})


def read_code(run: Run) -> dict[str, Any]:
    """What `write_code` wrote; empty where there is none or it cannot be read. It may be a stranger's."""
    return read_mapping(run.folder / "code.json")


def code_folders(run: Run) -> Iterable[Path]:
    """The folders of aectl and of the modules that the config names."""
    yield PACKAGE
    for _, node in target_nodes(to_plain(run.cfg)):
        found = locate(node["_target_"])
        file = getattr(sys.modules.get(found.__module__), "__file__", None)
        if file:
            yield Path(file).parent


def repositories(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """The git repositories that folders lie in, each with its commit, and whether files in it differ from that."""
    found: dict[str, dict[str, Any]] = {}
    for folder in dict.fromkeys(folders):
        top = git(folder, "rev-parse", "--show-toplevel")
        if top is None or top in found or "site-packages" in folder.parts:
            continue
        changed = git(folder, "status", "--porcelain", "--untracked-files=normal")
        found[top] = {"folder": top, "commit": git(folder, "rev-parse", "HEAD"), "dirty": bool(changed)}
    return list(found.values())


def git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None if there is no git, or no repository."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe_changes(former: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between the code of two runs, a line each; the former may be a stranger's, and hold anything."""
    old, new = former.get("versions"), now.get("versions", {})
    lines = [
        f"{name} was {old.get(name)!r:.40} and is {found}"
        for name, found in new.items()
        if isinstance(old, dict) and old.get(name) != found
    ]
    stored = former.get("git")
    commits = (
        {str(each.get("folder")): each for each in stored if isinstance(each, dict)} if isinstance(stored, list) else {}
    )
    for each in now.get("git", []):
        before = commits.get(each["folder"], {})
        if before.get("commit") != each["commit"]:
            lines.append(f"{each['folder']} was at commit {before.get('commit')!r:.44} and is at {each['commit']}")
        elif before.get("dirty") or each["dirty"]:
            lines.append(f"{each['folder']} has changes that are not committed")
    return lines
