"""Packs a run into one file, and nothing that lies outside of it."""

import os
import tarfile
from pathlib import Path

from aectl.errors import UserError
from aectl.io.atomic import write_atomic

LOCKS = (".lock", ".lock.pid")


def archive(folder: Path, output: Path) -> int:
    """Writes the regular files of a run to a .tar.gz, in a folder of the run's name; the number of links left out."""
    files, links = [], 0
    for inside, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(inside, name)
            if path.is_symlink() or not path.is_file():
                links += 1
            elif name not in LOCKS:
                files.append(path)
    top = folder.resolve().name

    def save(temporary: Path) -> None:
        with tarfile.open(temporary, "w:gz", compresslevel=6) as tar:
            for path in files:
                tar.add(path, arcname=str(Path(top, path.relative_to(folder))), recursive=False)

    write_atomic(output, save)
    check(output, len(files))
    return links


def check(output: Path, num_files: int) -> None:
    """Raises a UserError unless the archive can be read and has so many files."""
    try:
        with tarfile.open(output) as tar:
            found = sum(1 for _ in tar)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UserError(f"output={output}: cannot be read again ({error}); write it to another disk") from error
    if found != num_files:
        raise UserError(f"output={output}: has {found} files of {num_files}; write it to another disk")
