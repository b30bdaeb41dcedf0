"""Every reader either reads the bytes it gets or raises an error of one line: a fuzzer looks for counterexamples.

300 cases a reader, the same every time; `make faults` tries twenty times as many. What it found is kept as tests in
`test_hostile_configs.py` and `test_hostile_files.py`.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from aectl.data.arrays import Idx, Npz
from aectl.data.folder.source import Folder
from aectl.errors import UserError
from aectl.io import latent_tables
from aectl.modalities import image_files
from aectl.modalities.picture_writer import write_picture
from aectl.modalities.pictures import read_picture
from aectl.runs import open as open_run
from aectl.runs.checkpoint import read_checkpoint
from aectl.runs.run import Run
from aectl.runs.stored_config import safe_config
from tests.faults import FACTOR
from tests.support.attack_files import archive, entries_of, put

CASES = 300 * FACTOR
fuzzed = settings(
    max_examples=CASES,
    derandomize=FACTOR == 1,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _quiet(record_property: Callable[[str, object], None]) -> Any:
    record_property("tried", CASES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what it finds in broken files
        yield


def ends_well(call: Callable[[], Any]) -> None:
    """Returns, or raises a UserError of one line."""
    try:
        call()
    except UserError as error:
        assert "\n" not in str(error)


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes changed, cut out, repeated or put in."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(damaged) - 1)))
        stop = start + draw(st.sampled_from([0, 1, 2, 4, 8, 64]))
        new = draw(st.binary(max_size=8) | st.just(bytes(damaged[start:stop]) * 2) | st.just(b"\xff" * (stop - start)))
        damaged[start:stop] = new
    return bytes(damaged)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**12, "???", "${a}", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | st.just("_target_"), inner),
    max_leaves=6,
)


def paths(config: Any, above: str = "") -> list[str]:
    """The dotted path of everything in a config."""
    found = [f"{above}{key}" for key in config]
    return found + [
        path for key in config if isinstance(config[key], dict) for path in paths(config[key], f"{above}{key}.")
    ]


@pytest.fixture(scope="module")
def run(barely_trained: dict[str, Path]) -> Path:
    return barely_trained["vector"]


def test_the_config_reader(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    config, best = yaml.safe_load(text), run / "checkpoints" / "best.ckpt"
    contents = read_checkpoint(best)
    broken = damage(text.encode()).map(lambda content: content.decode(errors="replace"))
    changed = st.builds(put, st.just(config), st.sampled_from(paths(config)), values).map(yaml.safe_dump)

    @fuzzed
    @given(st.text() | values.map(yaml.safe_dump) | broken | changed | changed)
    def read(text: str) -> None:
        ends_well(lambda: Run(run, safe_config(text, "x"), best, contents).load(CPU))

    read()


def test_the_checkpoint_reader(run: Path, tmp_path: Path) -> None:
    best, path = run / "checkpoints" / "best.ckpt", tmp_path / "a.ckpt"
    content, entries = best.read_bytes(), entries_of(best)
    central = content.index(b"PK\x01\x02")

    def packed(pickle: bytes) -> bytes:
        return archive(path, {**entries, "data.pkl": pickle}).read_bytes()

    start, end = damage(content[:20_000]), damage(content[central:])
    broken = start.map(lambda head: head + content[20_000:]) | end.map(lambda tail: content[:central] + tail)

    @fuzzed
    @given(st.binary() | damage(entries["data.pkl"]).map(packed) | damage(entries["data.pkl"]).map(packed) | broken)
    def read(content: bytes) -> None:
        path.write_bytes(content)
        ends_well(lambda: open_run(path, "").load(CPU))

    read()


def pictures() -> list[tuple[str, bytes]]:
    """A small picture in each format and usual mode, with its ending."""
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 7, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = []
    for suffix, format in (
        (".png", "PNG"),
        (".jpg", "JPEG"),
        (".webp", "WEBP"),
        (".tif", "TIFF"),
        (".bmp", "BMP"),
        (".gif", "GIF"),
    ):
        for mode in ("RGB", "L", "P", "1"):
            buffer = io.BytesIO()
            image = colour.convert(mode if mode != "P" or format != "JPEG" else "CMYK")
            image.save(buffer, format, **({} if format in ("BMP", "GIF") else {"exif": exif}))
            found.append((suffix, buffer.getvalue()))
    return found


def copy_picture(path: Path) -> None:
    """Reads a picture with all that belongs to it, and writes that."""
    picture = read_picture(path, 3)
    for suffix in (".png", ".tif", ".jpg"):
        write_picture(picture.pixels, picture, path.with_name(f"copy{suffix}"))


def test_the_image_folder_reader(tmp_path: Path) -> None:
    broken = st.sampled_from(pictures()).flatmap(lambda one: st.tuples(st.just(one[0]), damage(one[1]) | st.binary()))
    folder, settings = tmp_path / "pictures", {"size": 4, "channels": None, "resize": "fit", "patches": 1}
    folder.mkdir()

    @fuzzed
    @given(st.lists(broken, min_size=1, max_size=3))
    def read(files: list[tuple[str, bytes]]) -> None:
        for path in folder.iterdir():
            path.unlink()
        for number, (suffix, content) in enumerate(files):
            path = folder / f"{number}{suffix}"
            path.write_bytes(content)
            ends_well(lambda path=path: image_files.read_header(path))
            ends_well(lambda path=path: image_files.read_image(path))
            ends_well(lambda path=path: copy_picture(path))
            for copy in folder.glob("copy.*"):
                copy.unlink()
        source = Folder(str(folder), **settings, val=0.1, test=0.1, split_seed=0, strict=False, cache=str(tmp_path))  # type: ignore[arg-type]
        ends_well(lambda: source.split("train"))

    read()


def test_the_readers_of_arrays_and_latents(tmp_path: Path) -> None:
    table = latent_tables.LatentTable(["a", "b"], np.ones((2, 3), np.float32), ["x", "y"])
    idx = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 3, 4)) + bytes(24)
    np.savez(tmp_path / "b.npz", x_train=np.zeros((4, 3, 3), np.uint8), y_train=np.arange(4))
    whole = [(".npz", (tmp_path / "b.npz").read_bytes()), (".idx", idx)]
    for suffix in list(latent_tables.FORMATS)[:3]:
        whole.append((suffix, latent_tables.save(table, tmp_path / f"a{suffix}").read_bytes()))
    broken = st.sampled_from(whole).flatmap(lambda one: st.tuples(st.just(one[0]), damage(one[1]) | st.binary()))
    folder = tmp_path / "idx"
    folder.mkdir()

    @fuzzed
    @given(broken)
    def read(file: tuple[str, bytes]) -> None:
        suffix, content = file
        path = folder / "train-images" if suffix == ".idx" else tmp_path / f"c{suffix}"
        path.write_bytes(content)
        if suffix == ".idx":
            ends_well(lambda: Idx(str(folder), 0.1, 0.1).prepare())
        else:
            ends_well(lambda: latent_tables.load(path))
        if suffix == ".npz":
            ends_well(lambda: Npz(str(path), 0.1, 0.1).prepare())

    read()
