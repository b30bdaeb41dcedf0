"""The built wheel works from any folder and contains the configs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the wheel, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    environment = {**os.environ, "npm_config_offline": "true"}  # nothing is fetched by a test
    subprocess.run([*pip, *build], check=True, capture_output=True, env=environment)
    wheel = next(folder.glob("*.whl"))
    target = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)
    return target


def test_wheel_trains_from_another_folder(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aectl", "train", "net=mlp", "trainer=debug"]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert next(tmp_path.rglob("best.ckpt")).is_file()


def test_wheel_contains_every_config(installed: Path) -> None:
    ours = {path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*.yaml")}
    theirs = {path.relative_to(installed / "aectl/configs") for path in (installed / "aectl/configs").rglob("*.yaml")}
    assert theirs == ours
    assert len(ours) > 30


def test_wheel_carries_the_page_and_the_runtime_that_a_checkout_has(installed: Path) -> None:
    ours, theirs = ROOT / "aectl" / "explorer", installed / "aectl" / "explorer"
    for folder in ("web", "runtime"):
        assert {path.name for path in (theirs / folder).glob("*")} == {path.name for path in (ours / folder).glob("*")}
    assert (theirs / "web" / "page.html").is_file()


def test_wheel_carries_the_page_over_runs(installed: Path) -> None:
    web = Path("aectl", "search", "table", "web")
    assert {path.name for path in (installed / web).iterdir()} == {path.name for path in (ROOT / web).iterdir()}
