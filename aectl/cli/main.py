"""The table of verbs. Imports nothing heavy: help, a typo and tab completion answer without torch."""

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aectl import __version__
from aectl.config import normalize_override, suggest
from aectl.errors import UserError, fail

VERBS = {
    "train": "train a model on a task, into a new folder below outputs/",
    "eval": "measure a run beside classical baselines: tables, metrics.json and pictures",
    "sample": "draw new images from a run, and interpolate between two test images",
    "plot-latent": "draw the latent space of a run: scatter, grid of decoded points, traversals",
    "predict": "apply a run to your own pictures, as they are, of any size",
    "encode": "write the latents of pictures or of a split to a file",
    "decode": "turn latents back into pictures",
    "export": "write a run as ONNX, TorchScript or torch.export files",
    "completion": "print the lines that make your shell complete verbs, keys and choices",
}

HELP = """\
aectl {version}: train autoencoders and work with the runs they leave behind

usage: aectl VERB [RUN] [KEY=VALUE ...]

{verbs}

examples:
  aectl train model=vae task=denoise          a first run, on embedded data: no download, under a minute
  aectl eval latest                           does it beat what needs no network?
  aectl train -m model=ae,vae model.latent_dim=2,8,32
  aectl train dataset=folder dataset.root=photos/ dataset.size=64 task=denoise model=rednet
  aectl predict latest input=noisy.png output=clean/
  tensorboard --logdir outputs

aectl VERB --help tells more. RUN is a run's folder, a checkpoint file, or `latest`."""

COMPLETION = """\
_aectl() {
    local IFS=$' \\t\\n'
    COMPREPLY=( $(COMP_LINE="${COMP_LINE:0:$COMP_POINT}" aectl completion query) )
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _aectl aectl"""

FLAGS_ALONE = ("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m")
FLAGS_WITH_VALUE = (
    *("--cfg", "-c", "--package", "-p", "--info", "-i"),
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
)

LIST_OF_CHOICES = re.compile(r"(dataset|task)=[^\[{(]*,")
"""`dataset=digits,fashion_mnist`: several evaluations."""


def main(arguments: list[str] | None = None) -> None:
    """The program: `aectl VERB ...`."""
    verb, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    verb = verb.replace("_", "-")
    if verb in ("--help", "-h", "help"):
        lines = (f"  {name:<12} {what}" for name, what in VERBS.items())
        print(HELP.format(version=__version__, verbs="\n".join(lines)))
    elif verb == "--version":
        print(__version__)
    elif verb == "completion":
        complete(rest)
    elif verb in VERBS:
        run_verb(verb, rest)
    else:
        fail("aectl", f"{verb}: no such verb; expected one of {', '.join(VERBS)}{suggest(verb, list(VERBS))}")


def run_verb(verb: str, arguments: list[str]) -> None:
    """Hands a verb to Hydra; a mistake of the user's ends in one line and exit status 2."""
    try:
        given = normalize_arguments(verb, arguments)
    except UserError as error:
        fail(f"aectl {verb}", error)

    from aectl.cli.error_messages import error_message
    from aectl.cli.hydra_hooks import TrainHooks, run_job
    from aectl.cli.hydra_internals import CONFIG_ERRORS, run_app

    name = verb.replace("-", "_")
    try:
        run_app(f"aectl {verb}", given, name, run_job(command(name)))
    except KeyboardInterrupt:
        print(f"aectl {verb}: stopped by Ctrl-C", file=sys.stderr)
        raise SystemExit(130) from None
    except CONFIG_ERRORS as error:
        TrainHooks.discard_unstarted()
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        fail(f"aectl {verb}", error_message(error, name, given))


def command(name: str) -> Callable[..., Any]:
    """The function that a verb runs, imported when it is first called."""

    def call(*args: Any) -> Any:
        return importlib.import_module(f"aectl.cli.commands.{name}").main(*args)

    return call


def normalize_arguments(verb: str, arguments: list[str]) -> list[str]:
    """What Hydra understands: flags first, the run as `run='...'`, every choice spelled as its file is.

    Raises:
        UserError: an argument is neither a flag, a run nor KEY=VALUE.
    """
    flags: list[str] = []
    runs: list[str] = []
    overrides: list[str] = []
    words = iter(arguments)
    for word in words:
        if word.startswith("-"):
            flags += [word, *(next(words, "") for _ in range(takes_value(word)))]
        elif word.startswith("run=") and word[4:5] not in ("'", '"'):
            runs.append(quote(word[4:]))
        elif verb == "train" and word.startswith("resume=") and word[7:] not in ("", "null") and word[7] not in "'\"":
            overrides.append(f"resume={quote(word[7:])}")
        elif verb != "train" and not overrides and ("=" not in word or Path(word).exists()):
            runs.append(quote(word))
        elif "=" in word or word.startswith("~"):
            overrides.append(normalize_override(word))
        else:
            raise UserError(f"{word}: expected KEY=VALUE, such as model=vae; see --help")
    several = len(runs) > 1 or (verb == "eval" and any(LIST_OF_CHOICES.match(override) for override in overrides))
    multirun = ["--multirun"] if several and not {"-m", "--multirun"} & set(flags) else []
    if any(word.startswith("resume='") for word in overrides):
        from aectl.cli.resume import stored_overrides

        overrides = [*stored_overrides(overrides), *overrides]
    return flags + multirun + ([f"run={','.join(runs)}"] if runs else []) + overrides


def takes_value(flag: str) -> int:
    """How many words follow this flag of Hydra's."""
    name = flag.split("=", maxsplit=1)[0]
    if name not in FLAGS_ALONE + FLAGS_WITH_VALUE:
        raise UserError(f"{flag}: no such flag; see --help{suggest(name, list(FLAGS_ALONE + FLAGS_WITH_VALUE))}")
    return int(name in FLAGS_WITH_VALUE and "=" not in flag and name not in ("--info", "-i"))


def quote(path: str) -> str:
    """The path in quotes, since Hydra's grammar gives `=`, `,` and blanks a meaning."""
    escaped = path.replace("'", "\\'")
    return f"'{escaped}'"


def complete(arguments: list[str]) -> None:
    """Prints the shell function for tab completion or, called by it with `query`, the words that may come next."""
    if arguments != ["query"]:
        print(COMPLETION)
        return
    words = os.environ.get("COMP_LINE", "").split(" ")[1:]
    if len(words) < 2:
        print(" ".join(verb for verb in VERBS if verb.startswith(words[0] if words else "")))
    elif words[0] in VERBS and words[0] != "completion":
        from aectl.cli import hydra_internals

        hydra_internals.complete(" ".join(["aectl", *words[1:]]), words[0].replace("-", "_"))
