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
ONLY_IN = {
    "pytorch_lightning": ("system", "training", "trainer", "callbacks", "checkpoints"),
    "hydra": ("cli", "explain", "jobs", "matrix", "run", "commands"),
    "omegaconf": ("cli", "config", "explain", "jobs", "matrix", "resuming", "run", "stored", "commands"),
    "matplotlib": ("figures",),
    "torchvision": ("data",),
    "skimage": ("data", "baselines"),
    "sklearn": ("data", "samplers", "baselines", "evaluation", "commands"),
    "scipy": ("evaluation",),
    "rich": ("callbacks", "jobs", "bars", "evaluation"),
    "filelock": ("locks",),
    "pydantic": ("bounds", "config", "trainer"),
}
MAY_KNOW = {
    "errors": (),
    "bounds": (),
    "files": (),
    "foreign": (),
    "pickles": (),
    "plain_yaml": (),
    "blueprint": (),
    "homes": (),
    "numpy_files": ("foreign",),
    "stored": ("config", "errors", "homes", "plain_yaml", "upgrades"),
    "locks": (),
    "upgrades": ("errors",),
    "memory": ("bounds", "errors"),
    "disk": ("bounds", "errors"),
    "example": (),
    "draws": (),
    "distributions": (),
    "metrics": (),
    "schedules": ("bounds",),
    "samplers": (),
    "pictures": ("files",),
    "figures": ("files",),
    "divergences": (),
    "likelihoods": ("bounds", "distributions"),
    "optimizers": ("bounds",),
    "nets": ("bounds",),
    "models": ("bounds", "distributions", "divergences", "errors", "example", "likelihoods", "nets"),
    "baselines": (),
    "cache": ("files", "locks", "numpy_files"),
    "tasks": ("baselines", "bounds", "errors", "example"),
    "image_files": ("errors", "files"),
    "checkpoint_files": ("errors", "foreign", "pickles"),
    "latent_files": ("errors", "files", "foreign", "numpy_files"),
    "tiles": (),
    "prediction": ("opened", "tiles"),
    "data": ("bars", "bounds", "draws", "errors", "files", "foreign", "image_files", "locks", "numpy_files"),
    "means": (),
    "compiled": (),
    "diagnosis": (),
    "finite": (),
    "remarks": (),
    "system": ("compiled", "data", "draws", "example", "means", "models", "tasks"),
    "bars": (),
    "board": (),
    "run": (
        *("blueprint", "checkpoint_files", "config", "data", "errors", "files", "foreign", "models"),
        *("plain_yaml", "stored", "tasks", "upgrades"),
    ),
    "checkpoints": ("checkpoint_files", "errors"),
    "claim": ("errors",),
    "resuming": ("checkpoints", "config", "errors", "files", "run", "stored"),
    "signals": (),
    "opened": ("data", "draws", "errors", "example", "models", "run"),
    "latents": ("data", "example", "opened"),
    "generation": ("draws", "errors", "latents", "models", "opened", "samplers"),
    "evaluation": (
        *("bars", "baselines", "cache", "config", "data", "diagnosis", "draws", "errors", "example"),
        *("figures", "generation", "latents", "metrics", "models", "opened"),
    ),
    "matrix": ("evaluation", "files", "jobs"),
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


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in MAY_KNOW], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_room_knows_only_the_rooms_below_it(path: Path) -> None:
    rooms = {file.stem if file.parent == PACKAGE else room(file) for file in MODULES}
    known = {name.split(".")[1] for name in imports(path) if name.startswith("aectl.")} & rooms
    assert known <= {*MAY_KNOW[room(path)], room(path)}


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
        "import sys\nfrom aectl.cli import main\n"
        f"try:\n    main({typed.split()!r})\nexcept SystemExit:\n    pass\n"
        "sys.exit(3 if {'torch', 'pytorch_lightning', 'matplotlib'} & set(sys.modules) else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
