"""Where data sets keep what they make or fetch: the reader's own folders, not those that a stored config names."""

import os
from pathlib import Path
from typing import Any

HOME = "~/.cache/aectl"


def use_local_paths(dataset: dict[str, Any]) -> dict[str, Any]:
    """The node of a stored data set, with every folder that it would write into set to one of the reader's own.

    The cache of a folder of pictures goes where this machine's caches go. The folder of a data set that would be
    downloaded stays where it is if its files are there, so that nothing has to be written.
    """
    found = dict(dataset)
    if "cache" in found:
        found["cache"] = f"{os.environ.get('AECTL_CACHE', HOME)}/folders"
    if "unpack_from" in found:
        root = Path(found["root"]).expanduser()
        if not all((root / file).is_file() for file in found["files"]):
            found["root"] = os.environ.get("AECTL_DATA", HOME)
    return found
