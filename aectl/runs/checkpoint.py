"""Reads a checkpoint file without running any code that it might hold, and checks it against its model.

torch's restricted unpickler runs no code, but would allocate a bytearray of any length, or hash nested tuples for ever.
"""

import pickletools
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from aectl.errors import UserError, shorten
from aectl.io.archives import list_entries
from aectl.modalities.picture_listing import SUFFIXES
from aectl.runs.upgrades import upgrade_weights

MAX_PICKLE = 16 * 2**20  # bytes of the pickle beside the tensors
WIDTHS = {  # bytes per number of each of torch's storage types
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Char", "Byte", "Bool"), 1),
}
TENSORS = re.compile(  # the globals that weights, optimizers and counters need
    rf"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch ({'|'.join(WIDTHS)})Storage"
)
MAX_REPEATED_TUPLES = 16  # used again inside others: hashing twenty levels takes a million steps, sixty take for ever
PUTS, GETS = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
GLOBALS, OTHER_GLOBALS = ("GLOBAL", "INST"), ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
MS_DOS_FOLDER = 0x10  # the bit of an entry's attributes that marks a folder
REGISTRATIONS = 4  # how often a parameter may be registered; weight normalization does so more than once

Weights = dict[str, Tensor]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint file, read again if it is replaced meanwhile; a UserError if damaged or unsafe."""
    while True:
        before = file_identity(path)
        try:
            contents = load_contents(path)
        except UserError:
            if file_identity(path) == before:
                raise
        else:
            if file_identity(path) == before:
                return contents


def file_identity(path: Path) -> tuple[int, ...]:
    """Tells a file from another one that has taken its name."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def describe_other(path: Path) -> str:
    """What to do about a file that is no checkpoint, or only the beginning of one."""
    with path.open("rb") as file:
        cut = file.read(4) == b"PK\3\4"
    if cut:
        return "truncated, or not a checkpoint; copy it again, or take checkpoints/last.ckpt of the run"
    expected = "not a checkpoint; expected the folder of a run, a checkpoint file, or latest"
    return f"{expected}; pictures are given as input={path}" if path.suffix.lower() in SUFFIXES else expected


def load_contents(path: Path) -> dict[str, Any]:
    try:
        check_archive(path)
        contents = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises whatever the broken part of the file leads it to
        if path.is_file() and not zipfile.is_zipfile(path):
            raise UserError(f"run={path}: {describe_other(path)}") from error
        raise UserError(
            f"run={path}: damaged, or not a checkpoint ({type(error).__name__}: {shorten(error)}); expected one "
            "written by `aectl train`: copy it again, or take checkpoints/last.ckpt of the run"
        ) from error
    if not isinstance(contents, dict) or not isinstance(contents.get("state_dict"), dict):
        raise UserError(f"run={path}: no weights in it; expected a checkpoint written by `aectl train`")
    check_tensors(contents["state_dict"], path)
    return contents


def check_archive(path: Path) -> None:
    """Raises a ValueError unless the file is an uncompressed archive of one pickle of tensors and their storages."""
    found = list_entries(path)
    check_entries(found)
    if sum(entry.file_size for entry in found) > path.stat().st_size:
        raise ValueError("its entries claim more bytes than the file has")
    pickles = [entry for entry in found if entry.filename.lower().endswith(".pkl")]
    if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE:
        raise ValueError(f"{len(pickles)} pickles in it; expected one, of at most {MAX_PICKLE:,} bytes")
    with zipfile.ZipFile(path) as archive:
        claims = scan_pickle(archive.read(pickles[0]))
    sizes = {entry.filename.partition("/")[2]: entry.file_size for entry in found}
    for key, claimed in claims.items():
        if sizes.get(f"data/{key}") != claimed:
            raise ValueError(f"storage {key} does not have the {claimed:,} bytes that the pickle claims")


def check_entries(found: list[zipfile.ZipInfo]) -> None:
    """Raises a ValueError for an entry that torch would unpack, or would not read and leave its memory as it was."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in found):
        raise ValueError("its entries are compressed, which torch.save never does")
    if any(entry.is_dir() or entry.external_attr & MS_DOS_FOLDER for entry in found):
        raise ValueError("an entry is marked as a folder, so torch would leave its weights uninitialized")


def scan_pickle(content: bytes) -> dict[str, int]:
    """The storages that a pickle claims, by name in bytes; runs nothing; a ValueError if it holds more than weights."""
    memo: dict[int, tuple[str, Any]] = {}
    pushed: list[tuple[str, Any]] = []  # the name and argument of each operation that pushes
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
        if repeated > MAX_REPEATED_TUPLES:
            raise ValueError("its pickle nests tuples in each other, which no weights do")
        if name == "BINPERSID":
            *_, kind, storage, key, _, length = [None] * 5 + [value for _, value in pushed[-7:-2]]
            width = WIDTHS.get(str(storage).removeprefix("torch ").removesuffix("Storage"))
            if kind != "storage" or not isinstance(length, int) or not width:
                raise ValueError("its pickle loads something other than a storage")
            found[str(key)] = width * length
    return found


def check_tensors(weights: dict[Any, Any], path: Path) -> None:
    """Raises a UserError unless the weights are dense tensors by name that fit into the file."""
    total = 0
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise UserError(f"run={path}: {type(value).__name__} {name!r:.80} in its weights; expected tensors by name")
        total += value.numel() * value.element_size()
    if total > path.stat().st_size:
        raise UserError(f"run={path}: its weights claim {total:,} bytes, more than the file has")


def model_weights(contents: dict[str, Any]) -> Weights:
    weights = contents["state_dict"].items()
    return {name.removeprefix("model."): value for name, value in weights if name.startswith("model.")}


def match_state_dict(build: Callable[[], nn.Module], contents: dict[str, Any]) -> Weights:
    """The weights of a model, under its own names for them; a ValueError if they belong to another one.

    It is built without memory to compare names and shapes; `build` is stopped once it makes far too many parameters.
    """
    left = REGISTRATIONS * len(model_weights(contents))

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(
                f"the model has far more parameters than the {len(model_weights(contents))} of its weights"
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"):
            model = build()
    finally:
        hook.remove()
    return weights_for(model, contents)


def weights_for(model: nn.Module, contents: dict[str, Any]) -> Weights:
    """The weights in a checkpoint under the names of this model; a ValueError if they belong to another one."""
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    weights = upgrade_weights(model_weights(contents), expected.keys())
    found = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ValueError(f"{name} is {found.get(name, 'missing')}, the model has {expected.get(name, 'none')}")
    return weights
