"""Lets Hydra parse each config file once: a command that a test runs in this process reads forty, twice."""

import copy
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource

Load = Callable[[ConfigSource, str], ConfigResult]
parsed: dict[tuple[str, str, int, int], ConfigResult] = {}


def load_once(load: Load, source: ConfigSource, config_path: str) -> ConfigResult:
    """As Hydra loads it, from the file as it is now; one inside a package does not change."""
    state = file_state(source, config_path) if source.scheme() == "file" else (0, 0)
    key = source.path, config_path, *state
    if key not in parsed:
        parsed[key] = load(source, config_path)
    found = parsed[key]
    return replace(found, config=copy.deepcopy(found.config), header=dict(found.header), provider=source.provider)


def file_state(source: ConfigSource, config_path: str) -> tuple[int, int]:
    """When a file was changed, in ns, and its size; zeros if there is none, which Hydra then says."""
    path = os.path.join(source.path, source._normalize_file_name(config_path))  # noqa: PTH118 - thousands of times
    try:
        state = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0
    return state.st_mtime_ns, state.st_size


def install() -> None:
    """Replaces how the sources of Hydra load, of the classes that it has found as plugins."""
    Plugins.instance()
    for scheme in ("file", "pkg"):
        kind = SourcesRegistry.instance().resolve(scheme)
        load = partial(load_once, kind.load_config)
        kind.load_config = lambda self, config_path, load=load: load(self, config_path)
