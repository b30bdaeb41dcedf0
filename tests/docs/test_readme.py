"""What the README promises: its commands run, its tables are what the configs say, its example works."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from skimage.data import astronaut, chelsea, coffee, rocket

from docs import tables
from tests.conftest import QUICK, Aectl

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("aectl ")
]


def test_the_tour_runs_from_top_to_bottom(aectl: Aectl, tmp_path: Path) -> None:
    assert len(COMMANDS) > 15
    (tmp_path / "photos").mkdir()
    for index, photo in enumerate((astronaut(), chelsea(), coffee(), rocket())):
        Image.fromarray(photo[:64, :80]).save(tmp_path / "photos" / f"{index}.png")
    for command in COMMANDS:
        verb, *arguments = shlex.split(command)[1:]
        if verb != "train":  # a data set that may not be here
            arguments = [argument.replace("fashion_mnist", "digits_28") for argument in arguments]
        if verb == "train" and "fashion_mnist" not in command and "experiment=" not in command:
            arguments += [*QUICK, "net=mlp"]
        elif verb == "train":
            arguments += ["--cfg", "job"]
        result = aectl(verb, *arguments)
        assert result.status == 0, (command, result.err)


def test_every_key_of_the_table_exists(aectl: Aectl) -> None:
    config = aectl("train", "task=denoise", "--cfg", "job").out + aectl("train", "task=super-res", "--cfg", "job").out
    keys = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", README.split("Those you will want most")[1].split("Losses are")[0])
    assert len(keys) > 10
    assert all(f"{key.split('.')[1]}:" in config for key in keys)


def test_the_catalogue_is_made_from_the_configs() -> None:
    assert tables.replaced(README, "catalogue", tables.catalogue()) == README


def test_every_picture_of_the_readme_is_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert len(pictures) >= 8
    assert all((ROOT / picture).stat().st_size > 2000 for picture in pictures)


def test_the_example_of_an_own_task_works_as_shown(tmp_path: Path) -> None:
    for folder in ("aectl", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for language, mark in (("python", "#"), ("yaml", "#")):
        block = re.search(rf"```{language}\n{mark} (\S+)\n(.*?)```", README, re.DOTALL)
        assert block
        (tmp_path / block[1]).write_text(block[2])
    command = [sys.executable, "-m", "aectl", "train", "task=crop_out", "task.side=0.5", "net=mlp", *QUICK]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (next((tmp_path / "outputs" / "crop_out").rglob("best.ckpt"))).is_file()
