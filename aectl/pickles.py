"""Looks through the pickle inside a checkpoint without running it. Knows nothing of torch."""

import pickletools
import re

TENSORS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)|torch \w+Storage|torch\.storage \w+Storage"
)
"""All that weights, optimizers and counters consist of, besides numbers, text, lists and dictionaries."""
REPEATED_TUPLES = 16
"""Tuples that may occur again inside others: hashing twenty nested ones takes a million steps, sixty take for ever."""


def check_pickle(content: bytes) -> None:
    """Raises a ValueError for a pickle that is more than tensors and plain values.

    torch's restricted reader runs no code of the pickle's, but would make a bytearray of any length, or hash tuples
    that hold each other for as long as one likes.
    """
    before, makers, repeated = "", dict[int, str](), 0
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in ("GLOBAL", "INST") and not TENSORS.fullmatch(str(argument)):
            raise ValueError(f"it names {str(argument).replace(' ', '.')}, which no weights need")
        if name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            raise ValueError(f"its pickle has the operation {name}, which no weights need")
        if name in ("BINPUT", "LONG_BINPUT"):
            makers[int(argument or 0)] = before
            continue
        if name in ("BINGET", "LONG_BINGET"):
            repeated += "TUPLE" in makers.get(int(argument or 0), "TUPLE")
            name = makers.get(int(argument or 0), "TUPLE")
        if repeated > REPEATED_TUPLES:
            raise ValueError("its pickle nests tuples in each other, which no weights do")
        before = name
