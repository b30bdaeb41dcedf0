"""Short forms of the arguments of a sweep: `seeds=5`, and `resume=` with the folder of a sweep."""

from collections.abc import Sequence
from pathlib import Path

from aectl.errors import UserError
from aectl.search.command import is_sweep, trusted_words

MOST_SEEDS = 1000


def expand_sweep(arguments: Sequence[str]) -> list[str]:
    """The arguments of `aectl train` with the short forms written out."""
    given = dict(word.split("=", 1) for word in arguments if "=" in word)
    folder = Path(given.get("resume") or "").expanduser()
    if given.get("resume") and is_sweep(folder):
        return continued(folder, arguments)
    if "seeds" in given and given.get("sweep") == "optuna":
        raise UserError(f"seeds={given['seeds']}: a search has one seed a job; leave out seeds= or sweep=optuna")
    return [*(["--multirun"] if "seeds" in given else []), *(word for each in arguments for word in [spell_out(each)])]


def spell_out(word: str) -> str:
    """`seeds=3` as `seed=0,1,2`; any other word as it is."""
    key, _, value = word.partition("=")
    if key != "seeds":
        return word
    if not value.isdecimal() or not 0 < int(value) <= MOST_SEEDS:
        raise UserError(f"{word}: expected how many seeds, from 1 to {MOST_SEEDS}, such as seeds=5")
    return f"seed={','.join(map(str, range(int(value))))}"


def continued(folder: Path, arguments: Sequence[str]) -> list[str]:
    """The command of the sweep in a folder, with these arguments instead of its own of the same keys."""
    trust = any(word.lower() == "trust=true" for word in arguments)
    added = [word for word in arguments if not word.startswith("resume=")]
    stored = [word for word in trusted_words(folder, trust) if word not in added]
    return ["--multirun", *stored, f"sweep.dir={folder}", *added]
