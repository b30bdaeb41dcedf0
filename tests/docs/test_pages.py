"""What the README and the pages in docs/ promise: commands run, tables match the configs, links and examples work."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, chelsea, coffee, rocket

from aectl.cli.model_catalogue import list_models
from docs import tables
from tests.conftest import QUICK, Aectl
from tests.support.midi_folder import write_tunes

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^]]+\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


def commands(page: Path) -> list[str]:
    """The lines of a page's bash blocks that call aectl."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("aectl ")]


BRIEF = ("slow_images=20", "samples=60", "likelihood_images=10", "pictures=1")
"""Options of an evaluation that make it quick."""


def shortened(command: str) -> tuple[str, ...]:
    """The arguments of a command, a training cut to two batches; one on data that may not be here is only composed."""
    verb, *arguments = shlex.split(command)[1:]
    if verb != "train":
        given = {argument.partition("=")[0] for argument in arguments}
        brief = [option for option in BRIEF if verb == "eval" and option.partition("=")[0] not in given]
        return verb, *(argument.replace("fashion_mnist", "digits_28") for argument in arguments), *brief
    if "fashion_mnist" in command or "experiment=" in command:
        return verb, *arguments, "--cfg", "job"
    few = ("dataset.patches_per_photo=8",) if "dataset=photos" in command else ()
    return verb, *arguments, *few, *QUICK, *(() if "model=rednet" in command else ("net=mlp",))


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_from_top_to_bottom(page: Path, aectl: Aectl, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for index, photo in enumerate((astronaut(), chelsea(), coffee(), rocket())):
        Image.fromarray(photo[:64, :80]).save(tmp_path / "photos" / f"{index}.png")
    Image.fromarray(np.pad(np.full((20, 20), 255, np.uint8), ((10, 34), (30, 30)))).save(tmp_path / "hole.png")
    write_tunes(tmp_path / "midi", 20)
    for command in commands(page):
        if "latest" in command and not list(tmp_path.rglob("best.ckpt")):
            assert aectl("train", "model=rednet", "task=denoise", *QUICK).status == 0
        result = aectl(*shortened(command))
        assert result.status == 0, (command, result.err)


def test_the_tour_of_the_readme_fits_250_lines_and_calls_every_main_command() -> None:
    assert len(README.read_text().splitlines()) <= 250
    assert {command.split()[1] for command in commands(README)} >= {"train", "eval", "sample", "plot-latent", "predict"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings]


def test_every_key_of_the_readmes_table_exists(aectl: Aectl) -> None:
    config = aectl("train", "task=denoise", "--cfg", "job").out + aectl("train", "task=super-res", "--cfg", "job").out
    table = README.read_text().split("These matter most")[1].split("[More on training]")[0]
    keys = re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", table)
    assert len(keys) > 10
    assert all(f"{key.split('.')[1]}:" in config for key in keys)


def test_the_table_of_choices_is_made_from_the_configs() -> None:
    assert tables.replace_table("catalogue", tables.catalogue()) == tables.page_of("catalogue").read_text()


@pytest.mark.parametrize("model", [entry.name for entry in list_models()])
def test_the_page_of_models_has_a_paragraph_of_each(model: str) -> None:
    assert f"**`{model}`**" in (ROOT / "docs" / "models.md").read_text()


def test_the_example_of_an_own_task_works_as_shown(tmp_path: Path) -> None:
    for folder in ("aectl", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for language in ("python", "yaml"):
        block = re.search(rf"```{language}\n# (\S+)\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
        assert block
        (tmp_path / block[1]).write_text(block[2])
    command = [sys.executable, "-m", "aectl", "train", "task=crop_out", "task.side=0.5", "net=mlp", *QUICK]
    environment = {"PATH": "", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (next((tmp_path / "outputs" / "crop_out").rglob("best.ckpt"))).is_file()


@pytest.mark.filterwarnings("ignore")  # of Lightning, about a trainer without workers, and of pictures without a screen
def test_the_notebook_page_runs_from_top_to_bottom(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained["vae"], tmp_path / "outputs" / "vae")
    monkeypatch.chdir(tmp_path)
    cells = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "notebook.md").read_text(), re.DOTALL)
    assert len(cells) >= 8
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, "docs/notebook.md", "exec"), names)
    assert "dB with 4 latent dimensions" in capsys.readouterr().out
