"""Reads the runs below folders; those that have not changed since the last time come from a cache."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from aectl import __version__
from aectl.errors import UserError
from aectl.io.atomic import write_text
from aectl.io.progress import track
from aectl.search.table.facts import LeftOutError, RunFacts, read_facts
from aectl.search.table.folders import Found, Signature, find_runs

FORMAT = f"{__version__}-1"
"""Changes whenever facts are read in another way; caches of another one are read anew."""
WORTH_A_CACHE = 20
"""Runs below a folder; fewer are read again each time."""
MOST_BYTES = 10**9


class Entry(NamedTuple):
    """A run in the cache."""

    signature: Signature  # of the files that it was read from
    facts: RunFacts | str  # or why it is left out


class Cache(NamedTuple):
    """What was known of the runs below a folder when it was last read, by their paths in it."""

    format: str
    runs: dict[str, Entry]


CACHE = TypeAdapter(Cache)


@dataclass(frozen=True)
class Collected:
    """The runs that were found, and how many folders were left out, by the reason."""

    runs: list[RunFacts]
    left_out: Counter[str]


def collect(roots: Iterable[Path]) -> Collected:
    """The runs at and below these folders, each once; a UserError for a folder that is not there."""
    runs: dict[str, RunFacts | str] = {}
    for root in roots:
        if not root.is_dir():
            raise UserError(f"{root}: no such folder; expected a run, or a folder with runs in it")
        real = os.path.realpath(root)  # below it no link is followed
        runs |= {f"{real}/{name}".rstrip("/"): facts for name, facts in read_runs(root).items()}
    found = [facts for facts in runs.values() if isinstance(facts, RunFacts)]
    return Collected(found, Counter(reason for reason in runs.values() if isinstance(reason, str)))


def read_runs(root: Path) -> dict[str, RunFacts | str]:
    """What is known of each run below a folder, by its path in it, or why it is left out."""
    found = {run.folder[len(str(root)) + 1 :]: run for run in find_runs(root)}
    path = cache_path(root)
    cached = load(path) if len(found) >= WORTH_A_CACHE else {}
    entries = {name: cached[name] for name, run in found.items() if is_current(cached.get(name), run)}
    if changed := [name for name in found if name not in entries]:
        quiet = len(changed) < WORTH_A_CACHE
        entries |= {name: read_entry(found[name]) for name in (changed if quiet else track(changed, "reading runs"))}
    if len(found) >= WORTH_A_CACHE and (changed or len(cached) > len(found)):
        save(path, entries)
    return {name: located(entries[name].facts, run.folder) for name, run in found.items()}


def is_current(entry: Entry | None, run: Found) -> bool:
    return entry is not None and entry.signature == run.signature


def located(facts: RunFacts | str, folder: str) -> RunFacts | str:
    """The facts with the folder as it is called now, since a path in the cache is that of another working folder."""
    return facts if isinstance(facts, str) or facts.folder == folder else replace(facts, folder=folder)


def read_entry(run: Found) -> Entry:
    try:
        return Entry(run.signature, read_facts(Path(run.folder)))
    except LeftOutError as reason:
        return Entry(run.signature, str(reason))


def cache_path(root: Path) -> Path:
    """The cache of a folder, in the user's own cache: one that lies beside the runs could be a stranger's."""
    name = hashlib.blake2b(os.path.realpath(root).encode(errors="surrogateescape"), digest_size=16).hexdigest()
    return Path(os.environ.get("AECTL_CACHE", "~/.cache/aectl")).expanduser() / "runs" / f"{name}.json"


def load(path: Path) -> dict[str, Entry]:
    """The entries of a cache; none if there is no such file, it is damaged, or another version wrote it."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return {}
        cache = CACHE.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}
    return cache.runs if cache.format == FORMAT else {}


def save(path: Path, entries: dict[str, Entry]) -> None:
    """Writes a cache whole; of several processes the last one wins. One that cannot be written only costs time."""
    runs = {
        name: (entry.signature, entry.facts if isinstance(entry.facts, str) else asdict(entry.facts))
        for name, entry in entries.items()
    }
    with suppress(OSError):
        write_text(path, json.dumps({"format": FORMAT, "runs": runs}))
