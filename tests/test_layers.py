"""Who may import whom; the architecture in the README is held here."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aectl

PACKAGE = Path(aectl.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FACES = ("__init__", "__main__", "api")
GROUND = ("config", "devices", "errors", "example", "rng", "types")
MAY_IMPORT = {
    "io": (),
    "models": (),
    "tasks": (),
    "trackers": (),
    "plots": ("io",),
    "modalities": ("plots", "io"),
    "data": ("modalities", "io"),
    "runs": ("data", "modalities", "models", "tasks", "io"),
    "inference": ("runs", "data", "modalities", "models", "io"),
    "evaluation": ("inference", "runs", "data", "modalities", "plots", "tasks", "models", "io"),
    "training": ("evaluation", "inference", "runs", "data", "modalities", "plots", "tasks", "models", "trackers", "io"),
    "cli": ("training", "evaluation", "inference", "runs", "data", "modalities", "plots", "models", "trackers", "io"),
}
"""The rooms that each room may import, besides the files at the root."""
ONLY_IN = {
    "pytorch_lightning": ("training",),
    "hydra": ("cli", "runs"),
    "omegaconf": ("cli", "runs", "config"),
    "matplotlib": ("plots",),
    "torchvision": ("data", "tasks"),
    "skimage": ("data", "tasks"),
    "sklearn": ("data", "tasks", "inference", "evaluation"),
    "scipy": ("evaluation",),
    "rich": ("cli", "training", "evaluation", "io"),
    "filelock": ("io",),
    "tensorboard": ("trackers",),
    "mlflow": ("trackers",),
    "wandb": ("trackers",),
    "pydantic": ("types", "config", "training"),
}


def imports(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    """The module or sub-package a file belongs to: `models` for `aectl/models/vae.py`."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_imported_only_where_it_belongs(path: Path) -> None:
    for name in imports(path):
        library = name.split(".", maxsplit=1)[0]
        assert room(path) in ONLY_IN.get(library, (room(path),)), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    if room(path) in FACES:
        return
    known = {name.split(".")[1] for name in imports(path) if name.startswith("aectl.")}
    rooms = {room(module) for module in MODULES}
    assert known & rooms <= {*MAY_IMPORT.get(room(path), ()), *GROUND, room(path)}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent.name == "trackers"], ids=lambda path: path.name
)
def test_a_service_is_imported_only_in_the_file_of_its_tracker(path: Path) -> None:
    services = {part for name in imports(path) if not name.startswith("aectl.") for part in name.split(".")}
    assert services & {"tensorboard", "mlflow", "wandb"} <= {path.stem}


def test_nothing_imports_the_faces() -> None:
    """`aectl`, `python -m aectl` and `aectl.api` stand above all rooms."""
    for path in MODULES:
        if room(path) not in FACES:
            assert not {name.split(".")[1] for name in imports(path) if name.startswith("aectl.")} & {*FACES}


def test_the_house_has_at_most_14_rooms_and_10_files_at_its_root() -> None:
    assert set(MAY_IMPORT) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert len(MAY_IMPORT) <= 14
    assert len(list(PACKAGE.glob("*.py"))) <= 10


@pytest.mark.parametrize(
    "typed",
    [
        "--help",
        "train --help",
        "train --cfg job",
        "trian",
        "train model=vea",
        "train model.latnet_dim=3",
        "eval --help",
    ],
)
def test_help_and_typos_answer_without_torch(typed: str) -> None:
    code = (
        "import sys\nfrom aectl.cli.main import main\n"
        f"try:\n    main({typed.split()!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit(3 if {'torch', 'pytorch_lightning', 'matplotlib'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
