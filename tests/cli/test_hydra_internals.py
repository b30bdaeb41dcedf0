"""The insides of Hydra that aectl relies on are where they were."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from aectl.cli import hydra_internals, main
from aectl.cli.hydra_internals import CONFIG_ERRORS, Callback, run_app
from aectl.config import CONFIGS
from aectl.search.sweeper import Search
from tests.test_layers import MODULES, imports, named

MOVED = f"Hydra {hydra.__version__} has changed what aectl/cli/hydra_internals.py relies on: "


def error_of(*arguments: str, config_name: str = "train") -> Exception:
    with pytest.raises(CONFIG_ERRORS) as raised:
        run_app("aectl train", list(arguments), config_name, lambda _: None)
    return raised.value


def whole_config(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


class Recorder(Callback):
    """Notes which folders there are when Hydra calls it."""

    called: dict[str, list[str]]

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        self.called["run"] = os.listdir()  # noqa: PTH208
        hydra_internals.publish(config)
        hydra_internals.set_run_folder(config, Path("mine"), resumed=True)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        self.called["sweep"] = os.listdir()  # noqa: PTH208
        hydra_internals.set_sweep_folder(config, Path("my sweep"))


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.chdir(tmp_path)
    Recorder.called = {}
    return Recorder()


RECORDED = [f"hydra.callbacks.jobs._target_={Recorder.__module__}.Recorder", "hydra/job_logging=none"]


def test_arguments_are_read_from_sys_argv_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    seen: list[DictConfig] = []
    run_app("aectl sample", ["seed=7"], "sample", seen.append)
    assert [config.seed for config in seen] == [7], f"{MOVED}hydra.main does not read sys.argv"
    assert sys.argv == ["pytest"]
    assert os.environ["HYDRA_FULL_ERROR"] != "1"


@pytest.mark.parametrize(("word", "times"), [("seed=7", 1), ("hydra.mode=RUN", 2)])
def test_config_is_composed_twice_only_if_a_word_can_set_the_mode(
    word: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[str] = []
    compose_config = Hydra.compose_config

    def counted(self: Hydra, config_name: str, *args: Any, **kwargs: Any) -> DictConfig:
        composed.append(config_name)
        return compose_config(self, config_name, *args, **kwargs)

    monkeypatch.setattr(Hydra, "compose_config", counted)
    run_app("aectl sample", [word], "sample", lambda _: None)
    assert composed == ["sample"] * times, f"{MOVED}when it composes a config"


def test_only_the_help_of_train_lists_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    for name, listed in (("train", True), ("sample", False)):
        with pytest.raises(SystemExit):
            run_app(f"aectl {name}", ["--help"], name, lambda _: None)
        assert ("model: aae, ae, " in capsys.readouterr().out) == listed, f"{MOVED}what its help shows"


def test_every_flag_of_hydra_is_known() -> None:
    flags = {flag: action.nargs for action in get_args_parser()._actions for flag in action.option_strings}
    unsupported = {"--shell-completion", "-sc", "--experimental-rerun"}
    known = {*main.FLAGS_ALONE, *main.FLAGS_WITH_VALUE}
    assert known == flags.keys() - unsupported, f"{MOVED}its flags; see FLAGS_ALONE in aectl/cli/main.py"
    alone = {flag for flag, nargs in flags.items() if nargs == 0} - unsupported
    assert set(main.FLAGS_ALONE) == alone, f"{MOVED}which of its flags take a value"


def test_missing_choice_names_group_choice_and_choices() -> None:
    found = hydra_internals.missing_choice(error_of("model=vea"))
    assert found is not None, f"{MOVED}MissingConfigException.missing_cfg_file"
    group, choice, options = found
    assert (group, choice) == ("model", "vea")
    assert set(options) >= {"ae", "vae"}, f"{MOVED}MissingConfigException.options"
    assert hydra_internals.missing_choice(error_of("modle=vae")) is None


def test_ambiguous_value_is_recognized_by_its_message() -> None:
    error = error_of("model=ae,vae")
    assert hydra_internals.ambiguous_key(str(error)) == "model=ae,vae", f"{MOVED}the words of {error}"


@pytest.mark.parametrize("key", ["modle", "model.latent_dimm", "nothing.at.all"])
def test_unknown_key_is_recognized_by_its_message(key: str) -> None:
    error = error_of(f"{key}=3")
    assert hydra_internals.unknown_key(" ".join(str(error).split())) == key, f"{MOVED}the words of {error}"


def test_config_composed_aside_leaves_the_running_hydra_alone() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        running = GlobalHydra.instance().hydra
        assert hydra_internals.compose_aside("train", ["model=ae"]).model._target_.endswith(".AE")
        assert GlobalHydra.instance().hydra is running, f"{MOVED}GlobalHydra.hydra"
        assert compose("train", ["seed=5"]).seed == 5


def test_hydra_alone_swallows_what_a_callback_raises() -> None:
    class Broken(Callback):
        def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
            raise ZeroDivisionError

    class Fatal(Broken):
        on_run_start = hydra_internals.fatal(Broken.on_run_start)

    callbacks = Callbacks()
    callbacks.callbacks = [Broken()]
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        callbacks.on_run_start(config=DictConfig({}))
    callbacks.callbacks = [Fatal()]
    with pytest.raises(SystemExit):
        callbacks.on_run_start(config=DictConfig({}))


def test_run_starts_its_callback_before_any_folder_and_goes_where_it_is_sent(recorder: Recorder) -> None:
    run_app("aectl train", RECORDED, "train", lambda _: Path("here").touch())
    assert recorder.called == {"run": []}, f"{MOVED}when on_run_start is called"
    assert sorted(os.listdir()) == ["here", "mine"], f"{MOVED}hydra.run.dir, set in on_run_start"  # noqa: PTH208


def test_sweep_starts_its_callback_before_any_folder_and_goes_where_it_is_sent(recorder: Recorder) -> None:
    run_app("aectl train", ["--multirun", *RECORDED, "seed=1,2"], "train", lambda _: None)
    assert recorder.called["sweep"] == [], f"{MOVED}when on_multirun_start is called"
    jobs = {path.parent.parent.name for path in Path().rglob("overrides.yaml")}
    assert {job.split("-")[0] for job in jobs} == {"0", "1"}
    assert len(list(Path("my sweep").glob("[01]-*"))) == 2, f"{MOVED}hydra.sweep.dir, set in on_multirun_start"


def test_sweeper_of_aectl_is_the_default_of_a_training_and_pickles_as_what_it_is() -> None:
    hydra_internals.register()
    plugins = Plugins.instance()
    sweeper = plugins._instantiate(whole_config().hydra.sweeper)
    assert type(sweeper) is Search, f"{MOVED}Plugins.register"
    assert pickle.loads(pickle.dumps(Search)) is Search
    assert "hydra_plugins.aectl" not in sys.modules


def test_published_config_is_the_one_hydra_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    hydra_internals.publish(whole_config("hydra.job.num=5"))
    assert HydraConfig.get().job.num == 5, f"{MOVED}HydraConfig.set_config"


def test_completion_offers_choices(capsys: pytest.CaptureFixture[str]) -> None:
    hydra_internals.complete("aectl model=", "train")
    assert "model=vae" in capsys.readouterr().out.split(), f"{MOVED}the flag -sc and the variable COMP_LINE"


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "hydra_internals.py"], ids=named)
def test_no_other_module_touches_insides_of_hydra(path: Path) -> None:
    insides = ("hydra._internal", "hydra.experimental", "hydra.core.global_hydra", "hydra.core.singleton")
    assert not [name for name in imports(path) if name.startswith(insides)]
