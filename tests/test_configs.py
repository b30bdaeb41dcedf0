"""The shipped configs against the constructors they name."""

import inspect
import typing
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from torch import nn

from aectl.config import (
    BESIDE_ARGUMENTS,
    CONFIGS,
    GIVEN_BY_PROGRAM,
    GROUPS,
    check,
    locate,
    normalize_override,
    options,
    suggest,
    target_nodes,
    to_plain,
)
from aectl.errors import UserError
from aectl.runs.stored_config import check_content
from aectl.training.preflight import TOP_LEVEL

FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if "hydra" not in path.relative_to(CONFIGS).parts)
TARGETS = [path for path in FILES if "_target_:" in path.read_text()]
OF_OLDER_RUNS = {
    ("Digits", "size"): 8,
    ("MusicVAE", "early_beta"): 0.0,
    ("MusicVAE", "early_share"): 0.0,
    ("Photos", "test"): ("chelsea", "flower.jpg"),
    ("Photos", "grayscale"): False,
    ("Gaussian", "link"): "sigmoid",
    ("Laplace", "link"): "sigmoid",
    ("Data", "binarize"): "none",
    ("AdamW", "fused"): False,
    ("EarlyStopping", "monitor"): "val/loss",
    ("EarlyStopping", "mode"): None,
    ("TrainerConfig", "max_steps"): None,
    ("TrainerConfig", "compile"): False,
    ("TrainerConfig", "channels_last"): False,
    ("TrainerConfig", "on_nonfinite"): "stop",
    ("TrainerConfig", "threads"): "auto",
    ("LessonLoss", "reference"): None,
    ("LessonLoss", "origin"): "lesson",
    ("LessonConv", "mirrored"): False,
    ("Residual", "start"): "input",
    ("Denoise", "draws"): 1,
}
"""Defaults for runs whose config was written before the key existed. No other constructor has a default."""


def named(path: Path) -> str:
    return str(path.relative_to(CONFIGS))


@pytest.mark.parametrize(
    "path", [p for p in FILES if "_target_:" in p.read_text() and "convention" not in p.parts], ids=named
)
def test_keys_are_the_parameters_of_the_constructor(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    inherited = "defaults" in content and "dataset" not in content
    for where, node in target_nodes(content):
        target = locate(node["_target_"])
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        parameters = inspect.signature(target).parameters
        takes = {name for name, p in parameters.items() if p.kind not in variadic} - GIVEN_BY_PROGRAM
        has = {key for key in node if not key.startswith("_") and key != "defaults"}
        if target.__module__.startswith("torch."):
            has -= {*BESIDE_ARGUMENTS[path.parent.name]}
        some = inherited or target.__module__.startswith("torch.")
        assert has == takes or (some and has <= takes), f"{named(path)}: {where}"


@pytest.mark.parametrize("path", TARGETS, ids=named)
def test_constructors_are_annotated_and_take_no_args_or_kwargs(path: Path) -> None:
    for _, node in target_nodes(yaml.safe_load(path.read_text())):
        target = locate(node["_target_"])
        own = target.__init__ if "__init__" in vars(target) else None
        if own is None or target.__module__.startswith("torch."):
            continue
        parameters = list(inspect.signature(own).parameters.values())[1:]
        assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters), target
        defaults = {(target.__name__, p.name): p.default for p in parameters if p.default is not p.empty}
        assert defaults.items() <= OF_OLDER_RUNS.items()
        assert typing.get_type_hints(own).keys() >= {p.name for p in parameters}


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_composes_is_valid_and_can_be_opened_again(group: str) -> None:
    for choice in options(group):
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = to_plain(compose("train", [f"{group}={choice}"]))
        if group not in {"architecture", "degradation", "sweep"}:
            check(config, TOP_LEVEL | {"trust": bool})
        check_content(yaml.safe_load(yaml.safe_dump(config).replace("???", "1")))


@pytest.mark.parametrize("name", options("degradation"))
def test_what_a_preset_asks_of_its_task_is_gone_with_another_task(name: str) -> None:
    assert_dropped("degradation", name, "task", "denoise_salt_pepper")


@pytest.mark.parametrize("name", options("architecture"))
def test_what_a_preset_asks_of_its_net_is_gone_with_another_net(name: str) -> None:
    assert_dropped("architecture", name, "net", "conv")


def assert_dropped(folder: str, name: str, group: str, other: str) -> None:
    """A preset's keys of its choice in a group are in the config, and those of the other choice are its own."""
    experiment, _, choice = name.partition("-")
    asked = yaml.safe_load((CONFIGS / folder / f"{name}.yaml").read_text())
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        chosen = to_plain(compose("train", [f"experiment={experiment}", f"{group}={choice}"]))
        replaced = to_plain(compose("train", [f"experiment={experiment}", f"{group}={other}"]))
        plain = to_plain(compose("train", [f"{group}={other}"]))
    assert chosen[group] == chosen[group] | asked
    assert replaced[group] == plain[group]
    check(replaced, TOP_LEVEL)


def test_choice_on_the_command_line_overrides_those_of_data_set_and_experiment() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        by_dataset = compose("train", ["dataset=mnist"])
        by_user = compose("train", ["dataset=mnist", "likelihood=gaussian"])
        lesson = compose("train", ["experiment=lesson/vae", "dataset=digits", "likelihood=bernoulli"])
        quick = compose("train", ["dataset=fashion_mnist", "trainer=debug", "optimizer.lr=0.5"])
    assert by_dataset.likelihood._target_.endswith("Bernoulli")
    assert by_user.likelihood._target_.endswith("Gaussian")
    assert lesson.likelihood._target_.endswith("Bernoulli")
    assert lesson.dataset._target_.endswith("Digits")
    assert lesson.data.batch_size == 256
    assert quick.trainer.max_epochs == 1
    assert quick.optimizer.lr == 0.5


def test_experiment_of_the_lesson_keeps_its_likelihood_on_another_data_set() -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        conv = compose("train", ["experiment=lesson/conv_ae", "dataset=fashion_mnist"])
        vae = compose("train", ["experiment=lesson/vae", "dataset=mnist"])
    assert conv.likelihood._target_.endswith("Bernoulli")
    assert vae.likelihood.scale == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("task", "dataset", "examples", "pixels"),
    [
        ("denoise", "photos", 100_000, 150_000_000),
        ("denoise_salt_pepper", "photos", 100_000, 150_000_000),
        ("super-res", "digits", 86_220, 150_000_000),
        ("denoise", "digits_28", 103_520, 150_000_000),
        ("reconstruct", "digits", 86_220, None),
    ],
)
def test_work_is_what_takes_minutes(task: str, dataset: str, examples: int, pixels: int | None) -> None:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        budget = compose("train", [f"task={task}", f"dataset={dataset}"]).budget
    assert (budget.examples, budget.pixels) == (examples, pixels)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("task=super_res", "task=super-res"),
        ("model=beta-vae,ae", "model=beta_vae,ae"),
        ("seed=1", "seed=1"),
        ("task=mine", "task=mine"),
    ],
)
def test_hyphens_and_underscores_in_a_choice_are_the_same(given: str, meant: str) -> None:
    assert normalize_override(given) == meant


def test_nearest_word_is_suggested_only_if_it_is_close() -> None:
    assert suggest("vea", ["ae", "vae"]) == "; did you mean vae?"
    assert suggest("xyz", ["ae", "vae"]) == ""


def test_missing_and_unknown_parameters_are_named() -> None:
    node = {"_target_": "aectl.tasks.denoise.DenoiseSaltPepper"}
    with pytest.raises(UserError, match=r"task\.amount: DenoiseSaltPepper requires this parameter"):
        check({"task": node}, {})
    with pytest.raises(UserError, match=r"task\.amont=1: unknown parameter of .*; did you mean amount\?"):
        check({"task": {**node, "amont": 1, "amount": 0.1}}, {})


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_module_without_a_constructor_takes_no_parameters(is_wrapped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    own = nn.Module.__init__

    def wrapped(self: nn.Module, *args: object, **kwargs: object) -> None:
        own(self, *args, **kwargs)

    if is_wrapped:  # as torch leaves it after an export
        monkeypatch.setattr(nn.Module, "__init__", wrapped)
    node = {"_target_": "aectl.models.probability.likelihoods.Bernoulli", "scale": 1}
    with pytest.raises(UserError, match=r"^likelihood\.scale=1: unknown parameter of Bernoulli; expected none$"):
        check({"likelihood": node}, {})
