"""The command that a sweep was started with, in `sweep.json` of its folder. A stranger's may be opened."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from aectl.config import suggest
from aectl.errors import UserError
from aectl.io.archives import read_text
from aectl.io.atomic import write_json

FILE = "sweep.json"
MAX_BYTES = 10**6
OF_THE_CALL = re.compile(
    r"-m$|--multirun$|sweep\.(dir|workers|retry|timeout)=|(trust|outputs)="
    r"|hydra\.(sweep\.dir|mode|launcher\.\w+)=|hydra/(launcher|sweeper)="
)
"""The words that are of one call and not of the sweep."""
MAY_GROW = "sweep.n_trials"
COMPOSITE = re.compile(r"[\[{]|\w+\(")
SAFE = re.compile(r"[+~]{0,2}(?!hydra\b|resume=|like=|trust=)[A-Za-z]\w*([./@]\w+)*(=(?!.*\$\{).*)?")
"""The words that a stranger's sweep may be continued with: nothing of Hydra's, no interpolation."""


def is_sweep(folder: Path) -> bool:
    return (folder / FILE).is_file()


def words_of(arguments: Sequence[str]) -> list[str]:
    """The arguments that make a sweep what it is, without those of a single call."""
    return [word for word in arguments if not OF_THE_CALL.match(word)]


def write_words(folder: Path, words: Sequence[str]) -> None:
    write_json(folder / FILE, {"version": 1, "arguments": list(words)})


def read_words(folder: Path) -> list[str]:
    """The words that the sweep in a folder was started with; a UserError if they cannot be read."""
    try:
        words = json.loads(read_text(folder / FILE, MAX_BYTES))["arguments"]
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("arguments are no list of words")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{folder / FILE}: cannot be read ({error}); start the sweep in another folder") from error
    return words


def trusted_words(folder: Path, trust: bool) -> list[str]:
    """The words of a sweep to continue, which may be a stranger's.

    Raises:
        UserError: a word could make the program run foreign code, and nobody has said `trust=true`.
    """
    words = read_words(folder)
    for word in words if not trust else ():
        if not SAFE.fullmatch(word) or "_target_" in word:
            raise UserError(
                f"resume={folder}: its {FILE} has {word}, which could run arbitrary code; "
                "if you trust whoever wrote it: trust=true"
            )
    return words


def earlier_words(folder: Path) -> list[str] | None:
    """The overrides of a sweep that was made before there was a `sweep.json`; None if there was none."""
    try:
        content = yaml.safe_load(read_text(folder / "multirun.yaml", MAX_BYTES))
        return words_of([str(word) for word in content["hydra"]["overrides"]["task"]])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return None


def check_same(folder: Path, stored: Sequence[str], given: Sequence[str]) -> None:
    """Raises a UserError that names the first difference between two commands, whatever their order."""
    old, new = dict(pairs(stored)), dict(pairs(given))
    for key in dict.fromkeys([*new, *old]):
        if key != MAY_GROW and without_blanks(old.get(key)) != without_blanks(new.get(key)):
            said = f"{key}={new[key]}" if key in new else key
            what = f"was started with {key}={old[key]}" if key in old else "was started without it"
            typo = suggest(key, old.keys() - new.keys()) if key not in old else ""
            raise UserError(
                f"{said}: the sweep in {folder} {what}{typo}; expected the same command, or another folder: "
                f"sweep.dir=FOLDER; to continue that sweep: aectl train resume={folder}"
            )


def pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Keys with their values: `KEY=VALUE` is one word, a flag of Hydra's takes the next one."""
    each = iter(words)
    for word in each:
        key, _, value = (word, "", next(each, "")) if word.startswith("-") else word.partition("=")
        yield key, value


def without_blanks(value: str | None) -> str | None:
    """A value without the blanks that mean nothing: those of a list, a mapping or a function."""
    return "".join(value.split()) if value and COMPOSITE.match(value) else value
