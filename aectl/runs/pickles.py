"""Looks through the pickle inside a checkpoint without running it. Knows nothing of torch."""

import pickletools
import re
from typing import Any

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
