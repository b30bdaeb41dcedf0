"""What hatchling calls when it builds a wheel: fetches the runtime of the pages, so that the wheel carries it."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RuntimeHook(BuildHookInterface):
    """Fetches ONNX Runtime Web if the checkout lacks it; without npm the wheel is built without it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # of a checkout, whose `make install` fetches it
            return
        sys.path.insert(0, str(Path(self.root)))
        try:
            from aectl.errors import UserError
            from aectl.explorer.fetch_runtime import fetch
            from aectl.explorer.runtime import read_runtime

            try:
                if not read_runtime():
                    fetch()
            except UserError as error:
                self.app.display_warning(f"the wheel will not carry the runtime of aectl explore: {error}")
        finally:
            sys.path.remove(str(Path(self.root)))
