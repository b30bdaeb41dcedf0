"""`aectl models`: every model by family, with its paper."""

import importlib
import inspect
import subprocess
import sys

import pytest

from aectl.cli.model_catalogue import find_papers, list_models, read_docstring
from aectl.config import options
from tests.conftest import Aectl


def test_every_model_has_a_line_a_paper_with_a_link_and_a_documented_family(aectl: Aectl) -> None:
    listed = aectl("models").out
    for entry in list_models():
        assert f"  {entry.name} " in listed
        assert entry.line in listed
        assert entry.papers, entry.name
        assert "https://" in entry.papers[0], entry.name
        assert f"\n{entry.family}: " in f"\n{listed}"
    assert {entry.name for entry in list_models()} == {*options("model")}


def test_the_class_and_its_docstring_are_those_that_python_finds() -> None:
    for entry in list_models():
        module, _, name = entry.target.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert read_docstring(entry.target) == inspect.getdoc(found)


def test_one_model_is_shown_with_its_formula_and_its_keys(aectl: Aectl) -> None:
    shown = aectl("models", "beta_vae").out
    assert shown.startswith("aectl train model=beta_vae   VAE with a heavier KL penalty")
    assert "D_{KL}(q(z|x)" in shown
    assert "    beta: 4.0" in shown
    assert aectl("models", "model=beta_vae").out == shown


@pytest.mark.parametrize(
    ("given", "said"),
    [(("vea",), "vea: no such model; expected one of"), (("ae", "vae"), "vae: expected the name of one model")],
)
def test_a_wrong_name_is_one_line(aectl: Aectl, given: tuple[str, ...], said: str) -> None:
    result = aectl("models", *given)
    assert result.status == 2
    assert result.err.startswith(f"aectl models: {said}")
    assert result.err.count("\n") == 1


def test_references_of_several_lines_are_joined_with_their_links() -> None:
    text = "A.\n\nReferences:\n    | Title (X, 2001),\n      eq. 4\n    | https://a.b/c\n    | Other (Y, 2002)\n\nLogs"
    assert find_papers(text) == ["Title (X, 2001), eq. 4, https://a.b/c", "Other (Y, 2002)"]
    assert find_papers("Nothing.") == []


def test_the_list_and_the_help_of_train_need_no_torch(aectl: Aectl) -> None:
    code = "import sys\nfrom aectl.cli.main import main\nmain(['models'])\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert aectl("models").out.split("\n\nTo train one")[0].splitlines()[-1] in aectl("train", "--help").out
