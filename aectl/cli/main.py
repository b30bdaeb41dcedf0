"""`aectl VERB ...`: finds the verb and turns its arguments into Hydra's. Imports nothing heavy: help is to be quick."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from aectl import __version__
from aectl.config import CONFIGS, GROUPS, did_you_mean, normalize_override
from aectl.errors import UserError, fail, quiet_when_unread

FIRST = ("train", "eval", "predict", "sample", "plot-latent")  # the verbs that help lists first

HELP = """\
aectl {version}: train autoencoders, evaluate them and put them to use

usage: aectl VERB [RUN] [KEY=VALUE ...]

{verbs}

examples:
  aectl train model=vae task=denoise                    train on built-in digits, in under a minute
  aectl eval latest                                     compare with classical baselines
  aectl train -m model=ae,vae model.latent_dim=2,8,32   train all six combinations
  aectl train dataset=folder dataset.root=photos/ task=denoise
  aectl compare                                         one table over all runs
  aectl predict latest input=photos/ output=clean/
  tensorboard --logdir outputs

RUN is the folder of a run, a checkpoint file, or `latest`. For the keys of a verb: aectl VERB --help"""

COMPLETION = """\
_aectl() {
    local IFS=$' \\t\\n'
    COMPREPLY=( $(COMP_LINE="${COMP_LINE:0:$COMP_POINT}" aectl completion query) )
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _aectl aectl"""

FLAGS_ALONE = ("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m")
FLAGS_WITH_VALUE = {  # each with the values that it takes; none listed means any
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
    **dict.fromkeys(("--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"), ()),
}
PATHS = ("input", "output", "reference", "latents", "dataset.root", "dataset.path", "where", "by")
"""The keys whose values may have any signs."""
KEYS_OF_RUNS = ("resume", "like", "source")  # of `aectl train`, whose values are runs
LISTS = {"compare": "runs", "runs": "words"}
"""The verbs whose arguments without a key are one list, and its key."""
REPLACEABLE = ("dataset", "task")  # the groups that `aectl eval` may replace; a trained run keeps the others


WITHOUT_CONFIG = {
    "models": "list the models by family; of one, NAME, its formula, papers and keys",
    "completion": "print the code that gives bash tab completion",
}
"""The verbs that are no Hydra apps, each with what it does."""


def read_verbs() -> dict[str, str]:
    """Each verb with what it does: the first line of the help in its YAML."""
    helps = (re.search(r"template: \|\n +aectl (\S+) .* {3}(.+)", path.read_text()) for path in CONFIGS.glob("*.yaml"))
    found = {match[1]: match[2] for match in helps if match}
    order = [*FIRST, *sorted(found.keys() - {*FIRST})]
    return {verb: found[verb] for verb in order} | WITHOUT_CONFIG


VERBS = read_verbs()


def main(arguments: list[str] | None = None) -> None:
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    verb = verb.replace("_", "-")
    if verb == "help" and rest:
        verb, rest = rest[0], ["--help"]
    if verb in ("--help", "-h", "help"):
        lines = (f"  {name:<12} {what}" for name, what in VERBS.items())
        print(HELP.format(version=__version__, verbs="\n".join(lines)))
    elif verb == "--version":
        print(__version__)
    elif verb == "completion":
        complete(rest)
    elif verb == "models":
        print_models(rest)
    elif verb in VERBS:
        run_verb(verb, rest)
    else:
        from aectl.cli.suggestions import meant_verb

        meant = did_you_mean(meant_verb(verb, VERBS))
        fail("aectl", f"{verb}: no such verb; expected one of {', '.join(VERBS)}{meant}")


def run_verb(verb: str, arguments: list[str]) -> None:
    """Runs a verb as a Hydra app. A user error ends in one line and exit status 2."""
    try:
        given = normalize_arguments(verb, arguments)
        check_replaceable(verb, given)
    except UserError as error:
        fail(f"aectl {verb}", error)

    from aectl.cli.error_messages import error_message
    from aectl.cli.hydra_hooks import SweepFolder, run_job
    from aectl.cli.hydra_internals import CONFIG_ERRORS, run_app
    from aectl.cli.own_code import own_code_on_path

    name = verb.replace("-", "_")
    try:
        with quiet_when_unread(), own_code_on_path(verb, given):
            run_app(f"aectl {verb}", given, name, run_job(name))
    except UserError as error:
        fail(f"aectl {verb}", error_message(error, name, given))
    except KeyboardInterrupt:
        print(f"aectl {verb}: stopped by Ctrl-C", file=sys.stderr)
        raise SystemExit(130) from None
    except CONFIG_ERRORS as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        fail(f"aectl {verb}", error_message(error, name, given))
    finally:
        SweepFolder.discard_unused()


def normalize_arguments(verb: str, arguments: list[str]) -> list[str]:
    """The arguments as Hydra reads them: flags first, the run as `run='...'`, each choice spelled like its file."""
    if verb == "train":
        from aectl.cli.sweep_arguments import expand_sweep

        arguments = expand_sweep(arguments)
    flags, runs, overrides = sort_arguments(verb, arguments)
    if verb in LISTS:
        overrides, runs = [f"{LISTS[verb]}=[{','.join(runs)}]"] * bool(runs) + overrides, []
    if len(runs) > 1 or (verb == "eval" and any(has_several_choices(word) for word in overrides)):
        flags += [] if {"-m", "--multirun"} & {*flags} else ["--multirun"]
    if not {"-m", "--multirun"} & {*flags}:
        overrides = [quote_path(override) for override in overrides]
    if verb == "train" and any(word.partition("='")[0] in KEYS_OF_RUNS for word in overrides):
        from aectl.cli.resume import open_callbacks, stored_overrides

        overrides = [*stored_overrides(overrides), *(open_callbacks(word) for word in overrides)]
    return flags + ([f"run={','.join(runs)}"] if runs else []) + overrides


def sort_arguments(verb: str, arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The flags, the runs in quotes, and the overrides; a UserError for an argument that is none of these."""
    flags: list[str] = []
    runs: list[str] = []
    overrides: list[str] = []
    words = iter(arguments)
    for word in words:
        key, equals, value = word.partition("=")
        if word.startswith("-"):
            flags += read_flag(verb, word, words)
        elif equals and key == "run":
            runs.append(quote(value))
        elif verb != "train" and not overrides and (not equals or Path(word).exists()):
            runs.append(quote(word))
        elif verb == "train" and key in (*KEYS_OF_RUNS, "sweep.dir") and value not in ("", "null"):
            overrides.append(f"{key}={quote(value)}")
        elif (equals and key) or word.startswith("~"):
            overrides.append(normalize_override(word))
        else:
            raise UserError(f"{word}: expected KEY=VALUE, such as model=vae; see --help")
    return flags, runs, overrides


def read_flag(verb: str, word: str, following: Iterator[str]) -> list[str]:
    """A flag of Hydra's with its value, which is the next word if it is not in this one; a UserError for any other."""
    flag, equals, value = word.partition("=")
    if flag in FLAGS_ALONE and not equals:
        return [flag]
    if flag not in FLAGS_WITH_VALUE:
        from aectl.cli.error_messages import unknown_flag

        long = [name for name in (*FLAGS_ALONE, *FLAGS_WITH_VALUE) if name.startswith("--")]
        raise UserError(unknown_flag(flag, value or next(following, ""), verb.replace("-", "_"), long))
    if flag in ("--info", "-i") and not equals:
        return [f"{flag}=all"]
    value = value if equals else next(following, "")
    choices = FLAGS_WITH_VALUE[flag]
    if not value or (choices and value not in choices):
        expected = f"one of {', '.join(choices)}" if choices else "a value"
        raise UserError(f"{flag} {value}".rstrip() + f": expected {expected}")
    return [flag, value]


def has_several_choices(override: str) -> bool:
    """Whether the override asks for several evaluations: `dataset=digits,fashion_mnist`."""
    group, _, value = override.partition("=")
    return group in REPLACEABLE and "," in re.split(r"[\[{(]", value)[0]


def check_replaceable(verb: str, arguments: list[str]) -> None:
    """Raises a UserError for an argument that would give a trained run another model, net or the like."""
    for word in arguments if verb != "train" else []:
        group = re.split(r"[.=@]", word.lstrip("+~"))[0]
        if group in GROUPS and not (verb == "eval" and group in REPLACEABLE):
            raise UserError(f"{word}: a trained run keeps its {group}; train another run for that")


def quote(path: str) -> str:
    """The path in quotes, since Hydra's grammar gives `=`, `,` and blanks a meaning."""
    if path.startswith(("'", '"')):
        return path
    escaped = path.replace("'", "\\'")
    return f"'{escaped}'"


def quote_path(override: str) -> str:
    """An override of a key of `PATHS` in quotes if its value has signs with a meaning in Hydra's grammar."""
    key, _, value = override.partition("=")
    plain = re.fullmatch(r"[\w./~:%@-]*", value) or value.startswith(("'", '"', "$"))
    return override if key not in PATHS or plain else f"{key}={quote(value)}"


def print_models(arguments: list[str]) -> None:
    """Prints the models by family, or what there is to know of one."""
    from aectl.cli.model_catalogue import describe_model, format_models

    if len(arguments) > 1:
        fail("aectl models", f"{arguments[1]}: expected the name of one model, or nothing for all")
    if not arguments or arguments[0] in ("--help", "-h"):
        print(f"{format_models()}\n\nTo train one: aectl train model=NAME. Its formula and its keys: aectl models NAME")
        return
    try:
        print(describe_model(arguments[0].removeprefix("model=")))
    except UserError as error:
        fail("aectl models", error)


def complete(arguments: list[str]) -> None:
    """Prints the shell function for tab completion or, called by it with `query`, the words that may come next."""
    if not arguments:
        print(COMPLETION)
        return
    if arguments != ["query"]:
        fail("aectl completion", f'{arguments[0]}: takes no argument; add to ~/.bashrc: eval "$(aectl completion)"')
    words = os.environ.get("COMP_LINE", "").split(" ")[1:]
    if len(words) < 2:
        print(" ".join(verb for verb in VERBS if verb.startswith(words[0] if words else "")))
    elif words[0] in VERBS and words[0] not in WITHOUT_CONFIG:
        from aectl.cli import hydra_internals

        hydra_internals.complete(" ".join(["aectl", *words[1:]]), words[0].replace("-", "_"))
