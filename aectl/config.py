"""Finds the shipped configs, and checks configs against constructors. Imports nothing heavy but what it checks."""

import difflib
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aectl.errors import UserError, describe_error

PACKAGE = Path(__file__).resolve().parent
CONFIGS = next(folder for folder in (PACKAGE / "configs", PACKAGE.parent / "configs") if folder.is_dir())
"""Inside the installed package, or beside it in a checkout."""
GROUPS = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir() and path.name != "hydra")
"""The config groups: `model`, `task`, ..."""
FROM_SOURCE = ("dataset", "task")
"""The groups that a training with `source=RUN` has from that run."""
OPEN_KEYS = "optimizer.players."
"""A mapping to which every key can be added: the players are the model's."""
GIVEN_BY_PROGRAM = {"source", "params", "optimizer", "T_max"}
"""Constructor arguments that a config need not hold: the data set of the loader; the parameters of torch's optimizers;
the optimizer of its schedulers, and the length of the run."""
BESIDE_ARGUMENTS = {"optimizer": ("players",), "schedule": ("interval", "monitor")}
"""Keys of a node that are not for a constructor that does not know them, such as that of an optimizer of torch's."""
PYDANTIC_WORDS = {
    r"^Input should be |^Value error, |, (unable|got) .*| after validation.*": "",
    r"^List should have": "a list of",
    r"^(?=greater|less)": "a number ",
    "a valid integer": "an integer",
    "a valid boolean": "true or false",
    "a valid ": "a ",
}
"""What pydantic says of a value that it refuses, and how to put it after the word expected."""


class BadValueError(UserError):
    """A value of the wrong type, or out of range."""

    def __init__(self, key: str, value: Any, wanted: str) -> None:
        super().__init__(f"{key}={spell(value)}: {wanted}")
        self.key = key


def spell(value: Any) -> str:
    """A value as it is typed on the command line."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def options(group: str) -> list[str]:
    """The choices of a config group, in alphabetical order: `options("model")`."""
    folder = CONFIGS / group
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


def closest(word: str, words: Iterable[str], cutoff: float = 0.5) -> str:
    """The most similar of the words, or nothing if the similarity of all is below `cutoff`, from 0 to 1."""
    return next(iter(difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)), "")


def did_you_mean(meant: str) -> str:
    """The end of an error message that names what may have been meant; nothing if nothing was."""
    return f"; did you mean {meant}?" if meant else ""


def suggest(word: str, words: Iterable[str]) -> str:
    """`; did you mean X?` if one of the words is close, else nothing."""
    return did_you_mean(closest(word, words))


def normalize_override(override: str) -> str:
    """An override with choices spelled as their files, `task=super-res`, and `++` before a key of `OPEN_KEYS`.

    Raises:
        UserError: a number, null or a mapping in place of a choice, which Hydra does not name.
    """
    group, equals, value = override.partition("=")
    if group.startswith(OPEN_KEYS):
        return f"++{override}"
    if not equals or not (CONFIGS / group).is_dir():
        return override
    if re.fullmatch(r"null|~|[+-]?[\d.]+|\{.*", value.lower()):
        raise UserError(f"{override}: expected one of {', '.join(options(group))}, or leave it out")
    known = {name.replace("_", "-"): name for name in options(group)}
    return f"{group}=" + ",".join(known.get(choice.replace("_", "-"), choice) for choice in value.split(","))


def locate(target: str, key: str = "_target_") -> Callable[..., Any]:
    """The class or function that a `_target_` names; a UserError that starts with the key if it cannot be imported."""
    module, _, name = target.rpartition(".")
    if not module:
        raise UserError(f"{key}={target}: expected module.Class, such as my_package.models.MyVAE")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{key}={target}: cannot be imported: {error}; expected an installed package or one in the current folder, "
            f"{Path.cwd()}, or beside the folder of --config-dir"
        ) from error
    except Exception as error:  # whatever the user's own module raises
        raise UserError(f"{key}={target}: cannot be imported: {describe_error(error)}") from error
    if not hasattr(found, name):
        raise UserError(f"{key}={target}: {module} has no {name}{suggest(name, public_names(found))}")
    return typing.cast(Callable[..., Any], getattr(found, name))


def public_names(module: object) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def to_plain(config: Any) -> dict[str, Any]:
    """An OmegaConf config as nested dictionaries with every interpolation resolved."""
    from omegaconf import OmegaConf

    return typing.cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def target_nodes(config: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a plain config that names a `_target_`, with its dotted path, outermost first."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield path, config
        for key, value in config.items():
            yield from target_nodes(value, f"{path}.{key}" if path else str(key))
    elif isinstance(config, list):
        for index, value in enumerate(config):
            yield from target_nodes(value, f"{path}.{index}")


def check(config: dict[str, Any], top_level: dict[str, Any]) -> None:
    """Checks a resolved config against the annotations of its constructors and top-level keys.

    Raises:
        BadValueError: the first value of the wrong type or out of range.
        UserError: a parameter is missing or unknown, or a value stands where keys are expected.
    """
    for key, value in config.items():
        if key not in top_level and not isinstance(value, dict):
            meant = did_you_mean(next((f"{group}={value}" for group in GROUPS if value in options(group)), ""))
            raise UserError(
                f"{key}={spell(value)}: {key} is no single value; give its keys, {key}.NAME=VALUE, see --cfg job{meant}"
            )
    check_values({key: value for key, value in config.items() if key in top_level}, top_level, "")
    for path, node in sorted(target_nodes(config), key=cost_of_import):
        target = locate(node["_target_"], f"{path}._target_")
        arguments = {key: value for key, value in node.items() if not key.startswith("_")}
        check_names(path, target, arguments)
        check_values(arguments, annotations(target), f"{path}.")


def annotations(target: Callable[..., Any]) -> dict[str, Any]:
    """The types of a constructor's parameters; none where a library names types that are not there at run time."""
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except NameError:
        return {}


def cost_of_import(node: tuple[str, dict[str, Any]]) -> tuple[bool, int]:
    """Checks first what needs no torch, and outer nodes before inner ones."""
    path, config = node
    return config["_target_"] != "aectl.training.trainer.TrainerConfig", path.count(".")


def is_bare_module(target: Callable[..., Any]) -> bool:
    """Whether the constructor is that of torch's Module, which takes any name only to refuse it; exports wrap it."""
    owners = (each for each in getattr(target, "__mro__", ()) if "__init__" in vars(each))
    return next((owner.__name__ for owner in owners), "") == "Module"


def check_names(path: str, target: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Raises a UserError for an unknown parameter, or a missing one that the program does not give itself."""
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    signature = inspect.signature(target).parameters
    parameters = {k: p for k, p in signature.items() if p.kind not in variadic}
    takes_any = not is_bare_module(target) and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.values())
    beside = () if target.__module__.startswith("aectl.") else BESIDE_ARGUMENTS.get(path.partition(".")[0], ())
    unknown = set() if takes_any else arguments.keys() - parameters.keys() - {*beside}
    for name in unknown:
        meant, known = suggest(name, list(parameters)), f"one of {', '.join(parameters)}" if parameters else "none"
        raise UserError(
            f"{path}.{name}={arguments[name]}: unknown parameter of {target.__name__}{meant}; expected {known}"
        )
    needed = {name for name, parameter in parameters.items() if parameter.default is parameter.empty}
    for name in needed - arguments.keys() - GIVEN_BY_PROGRAM:
        raise UserError(f"{path}.{name}: {target.__name__} requires this parameter; add +{path}.{name}=VALUE")


def check_values(values: dict[str, Any], annotations: dict[str, Any], prefix: str) -> None:
    """Raises a BadValueError for a value that does not fit its annotation; passes over nodes."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    for name, value in values.items():
        if name not in annotations or value == "???" or any(target_nodes(value)):
            continue
        try:
            TypeAdapter(annotations[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
        except ValidationError as error:
            raise BadValueError(prefix + name, value, expected_values(error)) from None


def expected_values(error: Any) -> str:
    """What pydantic expected, in a few words."""
    expected = []
    for item in error.errors():
        text = item["msg"]
        for pattern, words in PYDANTIC_WORDS.items():
            text = re.sub(pattern, words, text)
        expected.append(text)
    return "expected " + ", or ".join(dict.fromkeys(expected))
