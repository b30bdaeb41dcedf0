"""Reads a checkpoint file, a friend's among them, without running anybody's code."""

import pickletools
import re
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from aectl.errors import UserError, shorten
from aectl.io.archives import has_directory_flag, list_entries

MOST_PICKLED = 16 * 2**20
WIDTHS = {
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Char", "Byte", "Bool"), 1),
}
"""The bytes of one number in each of torch's types of storage."""
TENSORS = re.compile(
    rf"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch ({'|'.join(WIDTHS)})Storage"
)
"""All that weights, optimizers and counters consist of, besides numbers, text, lists and dictionaries."""
REPEATED_TUPLES = 16
"""Tuples that may occur again inside others: hashing twenty nested ones takes a million steps, sixty take for ever."""
PUTS, GETS = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
GLOBALS, OTHER_GLOBALS = ("GLOBAL", "INST"), ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
SPARE = 4
"""A parameter may be registered more than once, as weight normalization does."""

Weights = dict[str, Tensor]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file; loading it runs nobody's code.

    A run that trains may put a newer file in its place meanwhile; then that one is read.

    Raises:
        UserError: the file is truncated, or no checkpoint.
    """
    while True:
        looked_at = file_identity(path)
        try:
            contents = load_contents(path)
        except UserError:
            if file_identity(path) == looked_at:
                raise
        else:
            if file_identity(path) == looked_at:
                return contents


def file_identity(path: Path) -> tuple[int, ...]:
    """What tells a file from another that takes its name."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def load_contents(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file that stays as it is."""
    try:
        check_archive(path)
        contents = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises whatever the broken part of the file leads it to
        raise UserError(
            f"run={path}: truncated, or not a checkpoint ({type(error).__name__}: {shorten(error)})"
        ) from error
    if not isinstance(contents, dict) or not isinstance(contents.get("state_dict"), dict):
        raise UserError(f"run={path}: has no weights in it; expected a checkpoint that `aectl train` wrote")
    check_tensors(contents["state_dict"], path)
    return contents


def check_archive(path: Path) -> None:
    """Raises a ValueError where a checkpoint is more than tensors, or less: packed, or of an older format."""
    found = list_entries(path)
    check_entries(found)
    if sum(entry.file_size for entry in found) > path.stat().st_size:
        raise ValueError("its entries claim more bytes than the file has")
    pickled = [entry for entry in found if entry.filename.lower().endswith(".pkl")]
    if len(pickled) != 1 or pickled[0].file_size > MOST_PICKLED:
        raise ValueError(f"it has {len(pickled)} pickles; expected one, of at most {MOST_PICKLED:,} bytes")
    with zipfile.ZipFile(path) as archive:
        claims = scan_pickle(archive.read(pickled[0]))
    sizes = {entry.filename.partition("/")[2]: entry.file_size for entry in found}
    for key, claimed in claims.items():
        if sizes.get(f"data/{key}") != claimed:
            raise ValueError(f"its storage {key} is not of the {claimed:,} bytes that its pickle says")


def check_entries(found: list[zipfile.ZipInfo]) -> None:
    """Raises a ValueError where torch would unpack an entry, or read nothing into the memory that it is to fill."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in found):
        raise ValueError("its entries are compressed, which torch.save never does")
    if any(has_directory_flag(entry) for entry in found):
        raise ValueError("an entry is marked as a folder, which torch would leave to chance")


def scan_pickle(content: bytes) -> dict[str, int]:
    """What a pickle of tensors and plain values says of each storage: its name and its bytes.

    torch's restricted reader runs no code of the pickle's, but would make a bytearray of any length, or hash tuples
    that hold each other for as long as one likes.

    Raises:
        ValueError: it is more than tensors and plain values.
    """
    memo: dict[int, tuple[str, Any]] = {}
    pushed: list[tuple[str, Any]] = []  # by which operation, and what
    found: dict[str, int] = {}
    repeated = 0
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in OTHER_GLOBALS or (name in GLOBALS and not TENSORS.fullmatch(str(argument))):
            raise ValueError(f"it names {str(argument or name).replace(' ', '.')}, which no weights need")
        if name in PUTS:
            memo[int(argument or 0)] = pushed[-1] if pushed else ("TUPLE", None)
            continue
        pushed.append(memo.get(int(argument or 0), ("TUPLE", None)) if name in GETS else (name, argument))
        repeated += name in GETS and "TUPLE" in pushed[-1][0]
        if repeated > REPEATED_TUPLES:
            raise ValueError("its pickle nests tuples in each other, which no weights do")
        if name == "BINPERSID":
            *_, kind, storage, key, _, length = [None] * 5 + [value for _, value in pushed[-7:-2]]
            width = WIDTHS.get(str(storage).removeprefix("torch ").removesuffix("Storage"))
            if kind != "storage" or not isinstance(length, int) or not width:
                raise ValueError("its pickle asks for something else than storage")
            found[str(key)] = width * length
    return found


def model_weights(contents: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of the model itself, by the names that it has for them."""
    prefix = "model."
    weights = contents["state_dict"].items()
    return {name.removeprefix(prefix): value for name, value in weights if name.startswith(prefix)}


def check_tensors(weights: dict[Any, Any], path: Path) -> None:
    """Raises a UserError where the weights are no tensors, or claim to be larger than the file."""
    total = 0
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UserError(
                f"run={path}: its weights hold {type(value).__name__} {name!r:.80}; expected tensors by name"
            )
        total += value.numel() * value.element_size()
    if total > path.stat().st_size:
        raise UserError(f"run={path}: its weights claim {total:,} bytes, more than the file has; not opened")


def stored_version(contents: dict[str, Any]) -> str | None:
    """The version of aectl that wrote a checkpoint, if it says so."""
    stored = contents.get("aectl")
    version = stored.get("version") if isinstance(stored, dict) else None
    return version if isinstance(version, str) and re.fullmatch(r"\d[\w.+]{0,30}", version) else None


def match_state_dict(
    build: Callable[[], nn.Module], weights: Weights, renamed: Callable[[Weights, Collection[str]], Weights]
) -> Weights:
    """Builds the model without memory, no further than its weights reach, and holds the two against each other.

    Arguments:
        build: makes the model.
        weights: those that are stored.
        renamed: gives them the names that the model expects.

    Returns:
        The weights under those names.

    Raises:
        ValueError: it is another model than the weights', or none.
    """
    left = SPARE * len(weights)

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"the model has far more parameters than the {len(weights)} of its weights")

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            expected = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    finally:
        hook.remove()
    weights = renamed(weights, expected.keys())
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(f"{name} is {found.get(name, 'missing')}, the model has {expected.get(name, 'none')}")
    return weights
