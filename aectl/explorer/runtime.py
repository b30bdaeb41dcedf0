"""What runs the networks in a page: ONNX Runtime Web, from its npm package at a pinned version and checksum."""

import gzip
import hashlib
from pathlib import Path

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
FOLDER = Path(__file__).parent / "runtime"
CHECKSUMS = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The SHA-256 of the files of the package that a page needs; of the bundles only this one starts from a file."""
LICENSE = f"""ONNX Runtime Web {VERSION}
Copyright (c) Microsoft Corporation. All rights reserved.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def read_runtime(folder: Path = FOLDER) -> dict[str, bytes]:
    """The files, gzipped, by name; none if they are missing or not the pinned ones."""
    found = {}
    for name, checksum in CHECKSUMS.items():
        path = folder / f"{name}.gz"
        if not path.is_file():
            return {}
        packed = path.read_bytes()
        if hashlib.sha256(gzip.decompress(packed)).hexdigest() != checksum:
            return {}
        found[name] = packed
    return found
