"""Pictures of every mode and format are read correctly, and other files refused with the reason."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aectl.modalities import image_files
from aectl.modalities.image_files import UnreadableError

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (11, 17), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (11, 17, 3), dtype=np.uint8)
LOSSLESS = {"png": {}, "webp": {"lossless": True}, "tif": {}, "tiff": {}, "bmp": {}}


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_colour_is_read_exactly_from_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(COLOUR).save(path, **LOSSLESS[suffix])
    assert image_files.read_header(path) == (11, 17, 3)
    np.testing.assert_array_equal(image_files.read_image(path), COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_gray_is_read_exactly_as_one_channel(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(GRAY).save(path)
    assert image_files.read_header(path)[2] == 1
    np.testing.assert_array_equal(image_files.read_image(path), GRAY[None])


def test_jpeg_is_read_within_four_gray_levels(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 32 * 32).reshape(32, 32).astype(np.uint8)
    Image.fromarray(np.stack([smooth] * 3, 2)).save(tmp_path / "a.jpeg", quality=95)
    assert np.abs(image_files.read_image(tmp_path / "a.jpeg").astype(int) - smooth).max() <= 4


def test_palette_images_are_converted(tmp_path: Path) -> None:
    image = Image.fromarray(COLOUR).quantize(32)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(
        image_files.read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    )
    assert image_files.read_header(tmp_path / "a.png")[2] == 3


def test_transparent_pixels_are_blended_with_white(tmp_path: Path) -> None:
    rgba = np.zeros((4, 5, 4), np.uint8)
    rgba[:, :2, 3] = 255
    rgba[:, 2, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "a.png")
    row = image_files.read_image(tmp_path / "a.png")[0, 0]
    assert list(row[:2]) == [0, 0]
    assert row[2] == pytest.approx(127, abs=1)
    assert list(row[3:]) == [255, 255]


def test_gray_alpha_and_transparent_palettes_are_blended_with_white(tmp_path: Path) -> None:
    Image.fromarray(np.stack([GRAY, np.zeros_like(GRAY)], 2), "LA").save(tmp_path / "la.png")
    assert (image_files.read_image(tmp_path / "la.png") == 255).all()
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([0, 0, 0] * 256)
    palette.save(tmp_path / "p.gif", transparency=3)
    assert (image_files.read_image(tmp_path / "p.gif", 3) == 255).all()


def test_16_bit_values_are_scaled_to_8_bit(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32_896, 65_535]], np.uint16)
    for suffix in ("png", "tif"):
        Image.fromarray(values).save(tmp_path / f"a.{suffix}")
        assert image_files.read_image(tmp_path / f"a.{suffix}").tolist() == [[[0, 1, 128, 255]]]


def test_floating_point_and_1_bit_files_are_read(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "f.tif")
    assert image_files.read_image(tmp_path / "f.tif").tolist() == [[[0, 128, 255]]]
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "b.png")
    assert image_files.read_image(tmp_path / "b.png").tolist() == [[[255, 0]]]


@pytest.mark.parametrize("worst", [7.0, -0.5, np.nan, np.inf])
def test_floating_point_outside_0_to_1_is_refused(tmp_path: Path, worst: float) -> None:
    Image.fromarray(np.array([[0.0, 0.5, worst]], np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(
        image_files.UnreadableError, match=r"f\.tif: values from .*; expected floating point from 0 to 1$"
    ):
        image_files.read_image(tmp_path / "f.tif")


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.tif")
    assert image_files.read_image(tmp_path / "a.tif")[:, 0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    shown = np.zeros((8, 16), np.uint8)
    shown[:4, :4] = 255  # white at the top left
    undo = {
        1: 0,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].T,
        8: lambda a: np.rot90(a, -1),
    }
    stored = shown if orientation == 1 else undo[orientation](shown)  # type: ignore[operator]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert image_files.read_header(tmp_path / "a.png") == (8, 16, 1)
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "a.png")[0], shown)


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (5, 5), value) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (image_files.read_image(tmp_path / "a.gif") == 10).all()


def test_pictures_are_converted_to_the_requested_channels(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "c.png")
    Image.fromarray(GRAY).save(tmp_path / "g.png")
    assert image_files.read_image(tmp_path / "c.png", 1).shape == (1, 11, 17)
    np.testing.assert_array_equal(image_files.read_image(tmp_path / "g.png", 3), np.stack([GRAY] * 3))


def bomb(path: Path) -> None:
    """A PNG of a few bytes that says it is 40,000 x 40,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "said"), [("empty", "empty"), ("text", "not a picture"), ("cut", "damaged"), ("bomb", "too large")]
)
def test_the_error_says_why_a_file_cannot_be_read(tmp_path: Path, kind: str, said: str) -> None:
    path = tmp_path / "a.png"
    if kind == "bomb":
        bomb(path)
    else:
        Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
        content = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"a letter", "cut": content[: len(content) // 2]}[kind])
    with pytest.raises(UnreadableError, match=rf"a\.png: .*{said}"):
        image_files.read_image(path)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_written_images_are_read_back(tmp_path: Path, suffix: str, channels: int) -> None:
    array = RNG.integers(0, 256, (channels, 9, 14), dtype=np.uint8)
    path = image_files.write_image(array, tmp_path / "deep" / f"a.{suffix}")
    np.testing.assert_array_equal(image_files.read_image(path, channels), array)
