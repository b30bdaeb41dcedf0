"""HEIC files, the photographs of phones, which Pillow reads if the package pillow-heif is there."""

import importlib.util
from pathlib import Path

SUFFIXES = (".heic", ".heif")
REMEDY = "which needs another package: pip install pillow-heif"
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")


def is_heif(path: Path) -> bool:
    """Whether a file is one by its name or, where that has no ending, by its content."""
    if path.suffix:
        return path.suffix.lower() in SUFFIXES
    with path.open("rb") as file:
        return is_signature(file.read(12))


def is_signature(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def is_readable() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def register() -> bool:
    """Makes Pillow read these files; False if the package is missing."""
    if not is_readable():
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True
