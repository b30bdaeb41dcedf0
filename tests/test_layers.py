"""Who may import whom: the architecture that docs/ draws."""

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
GROUND = ("config", "devices", "errors", "example", "image_math", "rng", "types")
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
    "training": ("evaluation", "runs", "data", "modalities", "tasks", "models", "trackers", "io"),
    "search": ("training", "runs", "plots", "io"),
    "explorer": ("inference", "runs", "data", "modalities", "models", "tasks", "io"),
    "cli": (
        *("explorer", "search", "training", "evaluation", "inference", "runs", "data"),
        *("modalities", "plots", "models", "trackers"),
        "io",
    ),
}
"""The rooms that each room may import, besides the files at the root. A row names only rooms of the rows before it."""
ONLY_IN = {
    "pytorch_lightning": ("training",),
    "hydra": ("cli", "search", "runs"),
    "omegaconf": ("cli", "search", "runs", "config"),
    "matplotlib": ("plots",),
    "zuko": ("models",),
    "torchvision": ("data", "tasks"),
    **dict.fromkeys(("tensorboard", "mlflow", "wandb"), ("trackers",)),
    "skimage": ("data", "tasks"),
    "sklearn": ("data", "tasks", "inference", "evaluation", "explorer", "search"),
    "scipy": ("evaluation", "inference", "search"),
    "rich": ("training", "evaluation", "io"),
    "filelock": ("io",),
    "optuna": ("search",),
    "mido": ("modalities",),
    "music21": ("data",),
    "pydantic": ("types", "config", "training", "search"),
}
"""The rooms and root files that may import a library; the others are free."""


def imports(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> set[str]:
    """The rooms and root files of `aectl` that a file imports."""
    names = {name.split(".")[1] for name in imports(path) if name.startswith("aectl.")}
    return names & {room(module) for module in MODULES}


def room(path: Path) -> str:
    """The room or root file that a file belongs to: `models` for `aectl/models/vae.py`."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_library_is_imported_only_where_it_belongs(path: Path) -> None:
    for name in imports(path):
        library = name.split(".", maxsplit=1)[0]
        assert room(path) in ONLY_IN.get(library, (room(path),)), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) not in FACES], ids=named)
def test_room_imports_only_rooms_below_it(path: Path) -> None:
    assert own_imports(path) <= {*MAY_IMPORT.get(room(path), ()), *GROUND, room(path)}


def test_rooms_have_an_order() -> None:
    rooms = list(MAY_IMPORT)
    for index, name in enumerate(rooms):
        assert {*MAY_IMPORT[name]} <= {*rooms[:index]}, f"{name} may import a room of a later row"


def test_every_allowed_import_is_used() -> None:
    for name, allowed in MAY_IMPORT.items():
        used = set().union(*(own_imports(path) for path in MODULES if room(path) == name))
        assert {*allowed} <= used, f"take {', '.join({*allowed} - used)} out of the row of {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) == "trackers"], ids=named)
def test_service_is_imported_only_in_the_file_of_its_tracker(path: Path) -> None:
    services = {part for name in imports(path) if not name.startswith("aectl.") for part in name.split(".")}
    assert services & {"tensorboard", "mlflow", "wandb"} <= {path.stem}


@pytest.mark.parametrize("path", [path for path in MODULES if room(path) not in FACES], ids=named)
def test_nothing_imports_the_faces(path: Path) -> None:
    """`aectl.api`, `python -m aectl` and what `aectl` itself exports stand above all rooms."""
    assert not own_imports(path) & {*FACES}


def test_there_are_at_most_14_rooms_and_10_root_files() -> None:
    assert set(MAY_IMPORT) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert len(MAY_IMPORT) <= 14
    assert len(list(PACKAGE.glob("*.py"))) <= 10


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=named)
def test_room_says_in_one_line_what_it_is(path: Path) -> None:
    charter = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert len(charter.splitlines()[:1]) == 1, f"{named(path)} has no docstring"
    assert charter.splitlines()[0].endswith(".")


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
        "compare --help",
        "compare outputs",
    ],
)
def test_help_and_typos_answer_without_torch(typed: str) -> None:
    code = (
        "import sys\nfrom aectl.cli.main import main\n"
        f"try:\n    main({typed.split()!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit(3 if {'torch', 'pytorch_lightning', 'matplotlib'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
