"""Opening a stranger's run runs no code, exhausts no memory, and fails in one line: attacks on its config."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import aectl
from aectl.errors import UserError, fail
from aectl.runs.stored_config import PARTS, check_content, read_config, safe_config
from tests.conftest import Aectl
from tests.support.attack_files import poisoned, put, refused, refused_run

HARMFUL = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "subprocess.run",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "builtins.print",
    "runpy.run_path",
    "importlib.import_module",
    "shutil.rmtree",
    "pickle.loads",
    "code.interact",
    "pathlib.Path.write_text",
    "numpy.load",
    "hydra.utils.get_method",
    "hydra.utils.get_class",
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "hydra._internal.utils._locate",
    "omegaconf.OmegaConf.load",
    "torch.load",
    "torch.hub.load",
    "torch.jit.load",
    "torch.package.PackageImporter",
    "torch.os.system",
    "torch.utils.cpp_extension.load_inline",
    "torch.nn.Linear",
    "torch.optim.Adam",
    "torch.nn.modules.module.torch.hub.load",
    "aectl.cli.main.main",
    "aectl.__main__.main",
    "aectl.io.atomic.write_text",
    "aectl.errors.fail",
    "aectl.runs.run.instantiate_node",
    "aectl.runs.checkpoint.read_checkpoint",
    "aectl.config.importlib.import_module",
    "aectl.data.folder.source.shutil.rmtree",
    "aectl.models.ae.math.prod",
    "aectl.cli.hydra_hooks.TrainHooks",
    "aectl.models.vae.VAE.__init__",
    "aectl.models.nothing.Here",
    "aectl.models",
    "aectl",
    "aectl.",
    ".aectl.models.vae.VAE",
    "aectl.models.vae.VAE()",
    "aectl/models/vae.VAE",
    "AECTL.models.vae.VAE",
]
ROUTES = [
    "model",
    "model.net",
    "model.likelihood",
    "model.extra",
    "model.net.hidden",
    "model.shape.0",
    "task",
    "task.inner",
    "dataset",
    "data",
    "data.source",
    "net",
    "likelihood",
    "optimizer",
    "schedule",
    "trainer",
    "callbacks.pictures",
    "callbacks.evil",
    "evil",
    "evil.nested.deeper",
]
ODD_TARGETS: tuple[Any, ...] = (["os.system"], {"_target_": "os.system"}, 7, None, True, "", "aectl.models.vae.VAE ")


@pytest.fixture
def run(runs: dict[str, Path]) -> Path:
    return runs["ae"]


@pytest.fixture
def config(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def evil(target: Any, canary: Path) -> dict[str, Any]:
    """A node that creates the canary if its target is called, whatever arguments it takes."""
    touch = f"touch {canary}"
    return {"_target_": target, "_args_": [touch], "command": touch, "path": str(canary), "text": touch, "args": touch}


def set_at(config: dict[str, Any], route: str, node: Any) -> dict[str, Any]:
    return put(config, "model.shape", [node, 8, 8]) if route == "model.shape.0" else put(config, route, node)


@pytest.mark.parametrize("target", [*HARMFUL, *ODD_TARGETS], ids=str)
def test_only_shipped_classes_are_built(config: dict[str, Any], canary: Path, target: Any) -> None:
    for route in ROUTES if target != "torch.optim.Adam" else [route for route in ROUTES if route != "optimizer"]:
        with pytest.raises(UserError, match="could run arbitrary code"):
            check_content(set_at(config, route, evil(target, canary)))
    text = yaml.safe_dump(put(config, "model", evil(target, canary)))
    refused(lambda: safe_config(text, "x"), "could run arbitrary code")
    assert not canary.exists()


@pytest.mark.parametrize("route", [route for route in ROUTES if route.partition(".")[0] in PARTS])
def test_a_harmful_target_is_refused_wherever_it_would_be_built(
    run: Path, config: dict[str, Any], canary: Path, route: str
) -> None:
    text = yaml.safe_dump(set_at(config, route, evil("os.system", canary)))
    for place in poisoned(run, text, canary.with_name("lone.ckpt")):
        refused_run(place)
    assert not canary.exists()


@pytest.mark.parametrize("route", [route for route in ROUTES if route.partition(".")[0] not in PARTS])
def test_a_harmful_target_that_is_not_built_is_left_out_and_refused_for_training(
    run: Path, config: dict[str, Any], canary: Path, route: str
) -> None:
    text = yaml.safe_dump(set_at(config, route, evil("os.system", canary)))
    for place in poisoned(run, text, canary.with_name("lone.ckpt")):
        opened = aectl.open(str(place), accelerator="cpu").run
        assert route.partition(".")[0] not in opened.cfg
        assert "os.system" not in opened.config_text
    refused(lambda: read_config(run, training=True), f"{route.replace('.', '[.]')}._target_=os.system: not a class")
    assert not canary.exists()


CHANGES: dict[str, tuple[str, Any]] = {
    "a class in the wrong place": ("model._target_", "aectl.data.folder.source.Folder"),
    "a partial": ("model._partial_", True),
    "arguments of Hydra's": ("model.net._args_", [1]),
    "recursion": ("task._recursive_", False),
    "a variable of the environment": ("model.latent_dim", "${oc.env:HOME}"),
    "an expression": ("dataset._target_", "${oc.decode:'os.system'}"),
    "a reference": ("model.net", "${hydra:runtime.cwd}"),
    "a reference in a key": ("model.${oc.env:HOME}", 1),
    "a missing value": ("model.latent_dim", "???"),
    "a name up": ("names.dataset", "../../../outside"),
    "an absolute name": ("names.task", "/etc/cron.d"),
    "a name with control characters": ("names.model", "a\x1b]0;b\x07"),
    "a long name": ("names.model", "a" * 10_000),
    "a name that is a list": ("names.model", ["a"]),
    "a path for a number": ("task._target_", "../../../outside"),
    "a latent that fills the memory": ("model.latent_dim", 10**12),
    "a number beyond any": ("model.latent_dim", 10**30),
    "a negative number": ("model.latent_dim", -1),
    "a mapping for a number": ("model.latent_dim", {"a": 1}),
    "a layer that fills the memory": ("model.net.hidden", [10**9, 10**9]),
    "layers without end": ("model.net.hidden", [8] * 20_000),
    "images that fill the memory": ("model.shape", [1, 10**6, 10**6]),
    "images of the wrong side": ("model.input_shape", [1, -8, -8]),
    "images of nothing": ("model.shape", []),
    "images of text": ("model.shape", "8x8"),
    "another net": ("model.net.hidden", [7]),
    "an unknown key": ("model.hooks", "os.system"),
    "no model": ("model", None),
    "a list for a part": ("dataset", []),
    "a number for a part": ("data", 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_harmful_values_are_refused(run: Path, config: dict[str, Any], change: str, tmp_path: Path) -> None:
    text = yaml.safe_dump(put(config, *CHANGES[change]))
    for place in poisoned(run, text, tmp_path / "lone.ckpt"):
        assert str(Path.home()) not in refused_run(place).replace(str(place), "")


def test_a_model_of_many_more_parameters_than_its_weights_is_refused(run: Path, config: dict[str, Any]) -> None:
    likelihood = config["model"]["likelihood"]
    node = {
        "_target_": "aectl.models.restoring.rednet.RedNet",
        "shape": [1, 8, 8],
        "input_shape": [1, 8, 8],
        "features": 1,
    }
    node |= {"depth": 10**9, "skip_every": 2, "stride": 1, "likelihood": likelihood}
    (run / "config.yaml").write_text(yaml.safe_dump(put(config, "model", node)))
    refused_run(run, "far more parameters")


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
TEXTS: dict[str, str | bytes] = {
    "nothing": "",
    "a list": "- 1",
    "a billion laughs": LAUGHS,
    "an anchor": "model: &m {}\ntask: *m",
    "a merge": "base: &b {a: 1}\nmodel:\n  <<: *b",
    "a call": "model: !!python/object/apply:os.system [touch it-ran]",
    "a new object": "!!python/object/new:subprocess.Popen [[touch, it-ran]]",
    "a harmless tag": "model: !!binary aGVsbG8=",
    "lists without end": "a: " + "[" * 90_000,
    "mappings without end": "{a: " * 20_000,
    "blocks without end": "".join(" " * i + "a:\n" for i in range(440)),
    "keys without end": "? " * 45_000,
    "a long number": "model: " + "9" * 90_000,
    "an impossible date": "model: 2026-99-99",
    "a key that is a list": "? [a, b]\n: 1",
    "two documents": "a: 1\n---\nb: 2",
    "bytes that are no text": b"\xff\xfe\x00model",
    "control characters": b"model: \x00\x07",
    "a hundred kilobytes": "a: 1\n" * 20_001,
}


@pytest.mark.parametrize("kind", TEXTS)
def test_yaml_that_is_not_a_plain_config_is_refused(run: Path, kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    text = TEXTS[kind]
    if isinstance(text, bytes):
        (run / "config.yaml").write_bytes(text)
        refused_run(run)
    else:
        for place in poisoned(run, text, tmp_path / "lone.ckpt"):
            refused_run(place)
    assert not Path("it-ran").exists()


def test_a_config_of_a_gigabyte_is_not_read(run: Path) -> None:
    with (run / "config.yaml").open("r+b") as file:
        file.truncate(2**30)
    refused_run(run, "more than 100,000 bytes")


@pytest.mark.parametrize("name", ["config.yaml", "checkpoints/best.ckpt"])
@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device", "a dangling link", "a link to itself"])
def test_only_regular_files_are_read(run: Path, name: str, kind: str) -> None:
    path = run / name
    path.unlink()
    make = {
        "a folder": path.mkdir,
        "a pipe": lambda: os.mkfifo(path),
        "a device": lambda: path.symlink_to("/dev/zero"),
        "a dangling link": lambda: path.symlink_to("nowhere"),
        "a link to itself": lambda: path.symlink_to(path.name),
    }
    make[kind]()
    refused_run(run, "has no")
    refused(lambda: aectl.open("latest", str(run.parent / "ae")), "no run in")


class TestTrust:
    """`trust=true` allows classes from outside the package."""

    @pytest.fixture
    def own(self, run: Path, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "own_nets.py").write_text("from aectl.models.nets.mlp import MLP\n\nclass Own(MLP):\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "own_nets", raising=False)
        (run / "config.yaml").write_text(yaml.safe_dump(put(config, "model.net._target_", "own_nets.Own")))
        return run

    def test_without_trust_the_module_is_not_imported(self, own: Path) -> None:
        assert "trust=true" in refused_run(own, "model.net._target_=own_nets.Own")
        assert "own_nets" not in sys.modules

    def test_with_trust_the_run_opens(self, own: Path) -> None:
        assert aectl.open(str(own), accelerator="cpu", trust=True).sample(2).shape == (2, 1, 8, 8)

    def test_trust_is_a_key_of_the_command_line(self, own: Path, aectl: Aectl) -> None:
        assert aectl("sample", own, "n=1").status == 2
        assert aectl("sample", own, "n=1", "trust=true").status == 0


def test_a_pickled_hydra_config_is_refused(aectl: Aectl) -> None:
    assert "no such flag" in aectl("train", "--experimental-rerun", "config.pickle").err


def test_control_characters_in_a_message_are_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail("aectl", UserError("run=\x1b[2J\x07\u202egnp.exe"))
    assert capsys.readouterr().err == "aectl: run=?[2J??gnp.exe\n"
