"""Bounds on memory and time with many and with large files."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MEGABYTE = 2**20
FILES = 5_000
SIDE = 128

PEAK = """
import json, resource, sys, time
def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""
FOLDER = """
import torch
from aectl.data.folder.source import Folder
def start():
    begun = time.perf_counter()
    data = Folder(sys.argv[1], int(sys.argv[3]), 3, "crop", 1, 0.1, 0.1, 0, False, sys.argv[2])
    data.prepare()
    return data, time.perf_counter() - begun
before = peak()
_, first = start()
built = peak()
data, second = start()
counts = [len(data.split(name).x) for name in ("train", "val", "test")]
print(json.dumps([built - before, first, second, counts]))
"""
PHOTO = """
import aectl
from PIL import Image
run = aectl.open(sys.argv[1], accelerator="cpu")
run.predict(Image.new("RGB", (64, 64)))
before = peak()
size = run.predict(sys.argv[2]).size
print(json.dumps([peak() - before, size]))
"""


def measured(code: str, *arguments: object) -> list:
    """What the code prints in a process of its own."""
    call = [sys.executable, "-c", PEAK + code, *map(str, arguments)]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 5,000 files, no two of them the same: one picture, each with another tail."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "jpeg")
    for number in range(FILES):
        path = tmp_path / "many" / f"{number % 100:02}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.getvalue() + str(number).encode())
    return tmp_path / "many"


def test_5_000_files_are_decoded_in_bounded_memory_and_never_twice(many: Path, tmp_path: Path) -> None:
    grown, first, second, counts = measured(FOLDER, many, tmp_path / "cache", SIDE)
    assert sum(counts) == FILES
    assert counts[1] == pytest.approx(FILES / 10, rel=0.2)
    assert grown < 50 * MEGABYTE  # the pixels alone are 234
    assert second < first / 3


def test_24_megapixels_are_restored_in_bounded_memory(barely_trained: dict[str, Path], tmp_path: Path) -> None:
    photo = tmp_path / "large.jpg"
    Image.effect_noise((600, 400), 40).convert("RGB").resize((6000, 4000)).save(photo)
    grown, size = measured(PHOTO, barely_trained["tiny"], photo)
    assert size == [6000, 4000]
    assert grown < 500 * MEGABYTE  # the whole in floating point is 275 for each channel of the net
