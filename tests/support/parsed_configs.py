"""Lets Hydra parse each config file once: of a command that a test runs in this process, that takes a third."""

import copy
import os
from dataclasses import replace

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult

load_config = FileConfigSource.load_config
parsed: dict[tuple[str, int, int], ConfigResult] = {}


def load_once(source: FileConfigSource, config_path: str) -> ConfigResult:
    """As Hydra loads it, from the file as it is now."""
    path = os.path.join(source.path, source._normalize_file_name(config_path))  # noqa: PTH118 - thousands of times
    if not os.path.isfile(path):  # noqa: PTH113
        return load_config(source, config_path)
    state = os.stat(path)  # noqa: PTH116
    key = path, state.st_mtime_ns, state.st_size
    if key not in parsed:
        parsed[key] = load_config(source, config_path)
    found = parsed[key]
    return replace(found, config=copy.deepcopy(found.config), header=dict(found.header), provider=source.provider)


def install() -> None:
    FileConfigSource.load_config = load_once  # type: ignore[method-assign]
