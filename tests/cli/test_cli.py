"""Help, completion and mistakes: a user error gives one line, exit status 2, and writes nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hydra.errors import HydraException

import aectl as package
from aectl.cli.main import VERBS, WITHOUT_CONFIG, main, normalize_arguments
from aectl.errors import UserError
from tests.conftest import QUICK, Aectl

MISTAKES = {
    "trian": ["trian", "train"],
    "train model=vea": ["model=vea", "expected one of aae, ae, ", "did you mean vae?"],
    "train task=denois": ["task=denois", "did you mean denoise?"],
    "train dataset=mnits": ["dataset=mnits", "did you mean mnist?"],
    "train experiment=lesson/vea": ["experiment=lesson/vea", "lesson/vae"],
    "train modl=vae": ["modl=vae", "did you mean model=vae?"],
    "train model.latent_dimm=3": ["model.latent_dimm=3", "did you mean model.latent_dim=3?"],
    "train augment=flipp": ["augment=flipp", "expected one of", "did you mean flip?"],
    "train augment=[flip,nope]": ["augment=nope", "expected one of"],
    "train task.sigma=0.2": ["task.sigma=0.2", "add task=denoise"],
    "train trainer.max_epochs=abc": ["trainer.max_epochs=abc", "expected an integer", "try trainer.max_epochs=null"],
    "train trainer.max_time=soon": ["trainer.max_time=soon", "seconds, 90s, 5m, 1h30m or DD:HH:MM:SS"],
    "train trainer.max_time=0": ["trainer.max_time=0", "a duration above zero"],
    "train task=denoise task.sigma=25": ["task.sigma=25", "pixels are 0 to 1", "25 of 255 is 0.098"],
    "train task=denoise task.sigma=[0,50]": ["task.sigma=[0, 50]", "50 of 255 is 0.2"],
    "eval last": ["run=last", "did you mean latest?"],
    "train trainer=cpu trainer.precision=16-mixed": ["trainer.precision=16-mixed", "use trainer.precision=bf16-mixed"],
    "train model.latent_dim=-3": ["model.latent_dim=-3", "greater than 0", "try model.latent_dim=16"],
    "train model.beta=-1": ["model.beta=-1", "greater than or equal to 0", "try model.beta=1.0"],
    "train task=denoise task.sigma=-1": ["task.sigma=-1", "try task.sigma=0.2"],
    "train task=denoise task.sigma=[0.5,0.1]": ["task.sigma=[0.5, 0.1]", "lo no greater than hi"],
    "train data.batch_size=0": ["data.batch_size=0", "greater than 0"],
    "train optimizer.lr=0": ["optimizer.lr=0", "greater than 0"],
    "train seed=-1": ["seed=-1", "greater than or equal to 0", "try seed=0"],
    "train net.latent=vektor": ["net.latent=vektor", "'vector' or 'grid'"],
    "train net.channels=[]": ["net.channels=[]", "a list of at least 1 item"],
    "train task=super-res task.scale=3": ["task.scale=3", "8x8", "task.scale=2 or task.scale=4"],
    "train task=super-res task.scale=5": ["task.scale=5", "2, 3 or 4"],
    "train dataset=photos dataset.size=1000": ["dataset.size=1000", "at most 300"],
    "train +model.foo=1": ["model.foo=1", "unknown parameter of VAE"],
    "train model=ae,vae": ["model=ae,vae", "add -m"],
    "train task=denoise task.sigma=[1": ["task.sigma=[1", "cannot be read"],
    "train vae": ["vae", "KEY=VALUE", "--help"],
    "train --foo": ["--foo", "no such flag"],
    "eval nowhere": ["run=nowhere", "no such folder or checkpoint"],
    "eval": ["run=latest", "aectl train"],
    "eval model=vae": ["model=vae", "train another run"],
    "eval slow_images=0": ["slow_images=0", "greater than 0", "try slow_images=1000"],
    "eval samples=-1": ["samples=-1", "greater than or equal to 0", "try samples=2000"],
    "eval importance_samples=x": ["importance_samples=x", "an integer", "try importance_samples=64"],
    "eval likelihood_images=0": ["likelihood_images=0", "greater than 0", "try likelihood_images=500"],
    "eval pictures=0": ["pictures=0", "greater than 0", "try pictures=4"],
    "eval binarize=foo": ["binarize=foo", "'none', 'threshold', 'fixed' or 'dynamic'", "try binarize=null"],
    "eval baselines=maybe": ["baselines=maybe", "true or false", "try baselines=true"],
    "eval embeddings=3": ["embeddings=3", "true or false", "try embeddings=true"],
    "eval cache=5": ["cache=5", "a string", "try cache="],
    "train --epochs 5": ["--epochs", "no such flag", "--help"],
    "train --cfg foo": ["--cfg foo", "one of job, hydra, all"],
    "train --info=foo": ["--info foo", "defaults-tree"],
    "train --package": ["--package", "expected a value"],
    "train --config-name foo": ["--config-name foo", "no such config"],
    "train --config-dir /nowhere": ["/nowhere", "not found"],
    "train =vae": ["=vae", "KEY=VALUE"],
    "train model=": ["model=", "no such model", "expected one of aae, ae, "],
    "train model=[vae]": ["model", "one choice"],
    "train ~model": ["model", "one choice"],
    "train model=ae dataset=folder": ["dataset.root", "has no default"],
    "train model.latent_dim={a:1}": ["model.latent_dim={'a': 1}", "an integer"],
    "train model.latent_dim=null": ["model.latent_dim=null", "an integer"],
    "train ~model.latent_dim": ["model.latent_dim", "VAE requires this parameter", "add +model.latent_dim=VALUE"],
    "train model._target_=aectl.nothing.X": ["aectl.nothing.X", "cannot be imported"],
    "train data.batch_size=1e3": ["data.batch_size=1000.0", "an integer", "try data.batch_size="],
    "train seed='1'": ["seed=1", "an integer"],
    "train seed=1.5": ["seed=1.5", "an integer"],
    "train hydra.run.dir=": ["hydra.run.dir=", "expected a folder"],
    "train resume=nowhere": ["resume=nowhere", "aectl train"],
    "train -m resume=latest": ["resume=latest", "aectl train"],
    "train trainer.accelerator=tpu": ["trainer.accelerator=tpu", "'cpu'"],
    "eval net=mlp": ["net=mlp", "a trained run keeps its net"],
    "eval net.hidden=[4]": ["net.hidden=[4]", "a trained run keeps its net"],
    "eval task.sigma=0.5": ["task.sigma=0.5", "add task=denoise"],
    "sample dataset=digits": ["dataset=digits", "a trained run keeps its dataset"],
    "completion zsh": ["zsh", "takes no argument", "aectl completion"],
    "help trian": ["trian", "did you mean train?"],
    "sample n=0": ["n=0", "greater than 0", "try n=64"],
    "plot-latent split=tset": ["split=tset", "'train', 'val' or 'test'"],
}


@pytest.mark.parametrize("typed", MISTAKES)
def test_mistake_gives_one_line_and_writes_nothing(typed: str, aectl: Aectl, tmp_path: Path) -> None:
    result = aectl(*typed.split())
    assert result.status == 2
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert all(part in result.err for part in MISTAKES[typed]), result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("typed", ["eval a b", "sample a b"])
def test_mistake_in_a_sweep_leaves_no_folder(typed: str, aectl: Aectl, tmp_path: Path) -> None:
    result = aectl(*typed.split())
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith(f"aectl {typed.split(maxsplit=1)[0]}: ")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("typed", ["trainer=gpu", "trainer.accelerator=cuda", "trainer.accelerator=mps"])
def test_missing_gpu_is_reported_before_anything_is_written(typed: str, aectl: Aectl, tmp_path: Path) -> None:
    result = aectl("train", typed)
    assert result.status == 2
    assert "trainer.accelerator=" in result.err
    assert "use trainer.accelerator=cpu" in result.err
    assert not list(tmp_path.iterdir())


def test_help_lists_every_verb_and_each_has_examples(aectl: Aectl) -> None:
    overview = aectl("--help").out
    for verb in VERBS:
        assert verb in overview
        if verb not in WITHOUT_CONFIG:
            assert f"  aectl {verb} " in aectl(verb, "--help").out
    assert aectl().out == aectl("help").out == overview
    assert aectl("help", "sample").out == aectl("sample", "--help").out
    assert aectl("--version").out.strip() == package.__version__


def test_every_verb_has_a_config_with_help_and_a_command() -> None:
    commands = {path.stem for path in (Path(package.__file__).parent / "cli" / "commands").glob("[a-z]*.py")}
    assert {verb.replace("-", "_") for verb in VERBS} == {*commands, *WITHOUT_CONFIG}
    assert list(VERBS)[:2] == ["train", "eval"]


def test_help_takes_less_than_a_fifth_of_a_second() -> None:
    def seconds() -> float:
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "aectl", "--help"], check=True, capture_output=True)
        return time.monotonic() - started

    assert min(seconds() for _ in range(5)) < 0.2


def test_flags_may_be_typed_anywhere() -> None:
    assert normalize_arguments("train", ["model=ae,vae", "-m", "seed=1,2"]) == ["-m", "model=ae,vae", "seed=1,2"]
    assert normalize_arguments("train", ["seed=1", "--cfg", "job"]) == ["--cfg", "job", "seed=1"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("eval a", "run='a'"),
        ("eval a b seed=1", "--multirun run='a','b' seed=1"),
        ("sample a b", "--multirun run='a','b'"),
        ("eval -m a b", "-m run='a','b'"),
        ("eval run=a run=b", "--multirun run='a','b'"),
        ("eval a dataset=digits,photos", "--multirun run='a' dataset=digits,photos"),
        ("eval a task=denoise,super_res", "--multirun run='a' task=denoise,super-res"),
        ("eval a task.sigma=[0.1,0.2]", "run='a' task.sigma=[0.1,0.2]"),
        ("eval a dataset=digits", "run='a' dataset=digits"),
        ("sample a dataset=digits,photos", "run='a' dataset=digits,photos"),
    ],
)
def test_eval_of_several_runs_data_sets_or_tasks_is_a_sweep(typed: str, meant: str) -> None:
    verb, *words = typed.split()
    assert normalize_arguments(verb, words) == meant.split()


@pytest.mark.parametrize("path", ["outputs/x", "a=b/c,d", "it's here", "back\\slash", "[x]"])
def test_path_of_a_run_may_contain_special_characters(path: str, aectl: Aectl, tmp_path: Path) -> None:
    assert f"run={path}: no such folder" in aectl("eval", f"run={path}").err
    (tmp_path / path).mkdir(parents=True)
    assert f"run={path}: has no config.yaml" in aectl("eval", path).err


def test_second_word_that_is_no_override_is_refused() -> None:
    with pytest.raises(UserError, match="expected KEY=VALUE"):
        normalize_arguments("eval", ["latest", "n=1", "other"])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("aectl tr", "train"),
        ("aectl train model=", "model=beta_vae"),
        ("aectl train task=den", "task=denoise_salt_pepper"),
        ("aectl train model.lat", "model.latent_dim="),
        ("aectl plot-latent tra", "traversals="),
        ("aectl eval dataset=fa", "dataset=fashion_mnist"),
    ],
)
def test_tab_completes_verbs_choices_and_keys(line: str, offered: str, aectl: Aectl) -> None:
    os.environ["COMP_LINE"] = line
    assert offered in aectl("completion", "query").out.split()


def test_shell_function_completes_in_bash(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "aectl"
    script = (
        f'eval "$({program} completion)"; PATH={program.parent}:$PATH; COMP_LINE="aectl train net="; '
        "COMP_POINT=${#COMP_LINE}; _aectl; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) >= {"net=conv", "net=mlp"}


def test_full_traceback_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(HydraException, match="Could not override 'modle'"):
        main(["train", "modle=vae"])


def test_unexpected_error_keeps_its_traceback(aectl: Aectl, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("aectl.training.fit.fit", broken)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        main(["train", *QUICK])


class TestDamage:
    """Damaged runs and checkpoints."""

    @pytest.fixture
    def run(self, runs: dict[str, Path]) -> Path:
        return runs["ae"]

    def test_truncated_checkpoint_is_named(self, aectl: Aectl, run: Path) -> None:
        checkpoint = run / "checkpoints" / "best.ckpt"
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
        result = aectl("eval", str(run))
        assert result.status == 2
        assert "best.ckpt: truncated, or not a checkpoint" in result.err
        assert result.err.count("\n") == 1

    def test_file_that_is_not_a_checkpoint_is_named(self, aectl: Aectl, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        assert "notes.txt: not a checkpoint; expected the folder of a run" in aectl("sample", "notes.txt").err

    def test_checkpoint_of_another_program_is_named(self, aectl: Aectl, tmp_path: Path) -> None:
        torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
        assert "not one of aectl's" in aectl("sample", "other.ckpt").err

    def test_run_without_a_checkpoint_is_named(self, aectl: Aectl, run: Path) -> None:
        (run / "checkpoints" / "best.ckpt").unlink()
        assert "stopped before the end of its first epoch" in aectl("eval", str(run)).err

    def test_folder_that_is_not_a_run_is_named(self, aectl: Aectl, tmp_path: Path) -> None:
        assert "has no config.yaml" in aectl("eval", str(tmp_path)).err

    def test_config_that_is_not_yaml_is_named(self, aectl: Aectl, run: Path) -> None:
        (run / "config.yaml").write_text("model: [")
        assert "cannot be read: not YAML" in aectl("eval", str(run)).err

    def test_config_that_would_run_foreign_code_is_refused(self, aectl: Aectl, run: Path) -> None:
        config = run / "config.yaml"
        config.write_text(config.read_text().replace("aectl.models.ae.AE", "subprocess.run"))
        assert "model._target_=subprocess.run: not a class that aectl ships" in aectl("eval", str(run)).err

    def test_weights_of_another_shape_are_reported(self, aectl: Aectl, run: Path) -> None:
        config = run / "config.yaml"
        config.write_text(config.read_text().replace("latent_dim: 2", "latent_dim: 4"))
        assert "its weights do not fit its config" in aectl("eval", str(run)).err
