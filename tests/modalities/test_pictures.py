"""A result keeps the depth, colour, transparency and metadata of its source, and what is lost is named."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from aectl.modalities import deep_colour
from aectl.modalities.image_files import UnreadableError, read_image
from aectl.modalities.picture_writer import KEEPS, write_picture
from aectl.modalities.pictures import Picture, read_picture

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (11, 17, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65_536, (11, 17, 4), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, EXPOSURE, EXIF_IFD, ORIENTATION = 271, 33434, 0x8769, 0x0112


def camera(orientation: int = 1) -> Image.Exif:
    """The tags of a photograph."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "Camera"
    exif[EXIF_IFD] = {EXPOSURE: 0.01}
    return exif


def copied(path: Path, name: str, channels: int = 3) -> tuple[Path, set[str]]:
    """A picture written again under another name, and what was lost."""
    picture = read_picture(path, channels)
    target = path.with_name(name)
    return target, write_picture(picture.pixels, picture, target)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_stay_16_bits(tmp_path: Path, name: str, channels: int) -> None:
    values = DEEP[:, :, :channels]
    alpha = values[:, :, 3] if channels == 4 else None
    planes = values[:, :, :3].transpose(2, 0, 1)
    path = tmp_path / name
    assert write_picture(planes, Picture(planes, channels == 1, alpha), path) == set()
    found = read_picture(path, min(3, channels))
    np.testing.assert_array_equal(found.pixels, planes)
    assert found.alpha is None if alpha is None else (found.alpha == alpha).all()
    with Image.open(path) as image:
        assert image.mode in {1: ("I;16", "I"), 3: ("RGB",), 4: ("RGBA",)}[channels]
        np.testing.assert_array_equal(np.asarray(image), values.squeeze() if channels == 1 else values >> 8)


def test_deep_gray_with_transparency_is_read_as_8_bit_and_said_to_be(tmp_path: Path) -> None:
    deep_colour.write_png(DEEP[:, :, :2], tmp_path / "a.png", b"", None, None)
    found = read_picture(tmp_path / "a.png", 1)
    assert found.lost >= {"16-bit depth"}
    np.testing.assert_array_equal(found.pixels[0], DEEP[:, :, 0] >> 8)


def test_a_deep_tiff_is_read_by_others(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    deep_colour.write_tiff(DEEP, tmp_path / "a.tif", camera().tobytes(), SRGB, (300, 300))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), DEEP)
    for order, compression in (("<", None), (">", None), ("<", "zlib"), (">", "zlib")):
        tifffile.imwrite(
            tmp_path / "b.tif", DEEP[:, :, :3], byteorder=order, compression=compression, photometric="rgb"
        )
        np.testing.assert_array_equal(read_picture(tmp_path / "b.tif", 3).pixels, DEEP[:, :, :3].transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png", "a.tif"])
def test_tags_and_profile_are_copied_and_the_orientation_applied(tmp_path: Path, name: str) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "in.jpg", exif=camera(6), icc_profile=SRGB, dpi=(300, 300))
    path, lost = copied(tmp_path / "in.jpg", name)
    assert lost == ({"dpi"} if name == "a.webp" else set())
    with Image.open(path) as image:
        assert image.size == (11, 17)
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[MAKE] == "Camera"
        assert image.getexif().get_ifd(EXIF_IFD)[EXPOSURE] == pytest.approx(0.01)
        assert image.getexif().get(ORIENTATION, 1) == 1
        assert "dpi" in lost or image.info["dpi"][0] == pytest.approx(300, abs=0.01)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_deep_colour_keeps_its_tags(tmp_path: Path, name: str) -> None:
    deep_colour.write_png(DEEP[:, :, :3], tmp_path / "in.png", camera(6).tobytes(), SRGB, (300, 300))
    path, lost = copied(tmp_path / "in.png", name)
    assert lost == set()
    with Image.open(path) as image:
        assert image.size == (11, 17)
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[MAKE] == "Camera"
        assert image.getexif().get_ifd(EXIF_IFD)[EXPOSURE] == pytest.approx(0.01)
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_like_their_training_images(tmp_path: Path, orientation: int) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png", exif=camera(orientation))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", 3).pixels, read_image(tmp_path / "a.png"))


def test_gray_stays_gray_under_a_model_of_colour(tmp_path: Path) -> None:
    Image.fromarray(COLOUR[:, :, 0]).save(tmp_path / "in.png")
    assert read_picture(tmp_path / "in.png", 3).pixels.shape == (3, 11, 17)
    path, lost = copied(tmp_path / "in.png", "out.png")
    assert lost == set()
    with Image.open(path) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), COLOUR[:, :, 0])


def test_a_gray_model_loses_the_colour_and_the_profile_of_colour(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "in.png", icc_profile=SRGB)
    path, lost = copied(tmp_path / "in.png", "out.png", channels=1)
    assert lost == {"colour", "colour profile"}
    np.testing.assert_array_equal(read_image(path), read_image(tmp_path / "in.png", 1))


def test_transparency_is_kept_enlarged_or_laid_over_white(tmp_path: Path) -> None:
    alpha = np.zeros((11, 17), np.uint8)
    alpha[:, :9] = 255
    Image.fromarray(np.dstack([COLOUR, alpha])).save(tmp_path / "in.png")
    picture = read_picture(tmp_path / "in.png", 3)
    np.testing.assert_array_equal(picture.pixels, COLOUR.transpose(2, 0, 1))
    large = picture.pixels.repeat(2, 1).repeat(2, 2)
    assert write_picture(large, picture, tmp_path / "out.png") == set()
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA"
        found = np.asarray(image)[:, :, 3]
        assert (found[:, :14] == 255).all()
        assert (found[:, 22:] == 0).all()
    assert write_picture(picture.pixels, picture, tmp_path / "out.bmp") == {"transparency"}
    np.testing.assert_array_equal(read_image(tmp_path / "out.bmp"), read_image(tmp_path / "in.png"))


def test_floating_point_is_kept_or_becomes_16_bit(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    Image.fromarray(values).save(tmp_path / "in.tif")
    path, lost = copied(tmp_path / "in.tif", "out.tif")
    assert lost == set()
    np.testing.assert_array_equal(read_picture(path, 1).pixels[0], values)
    path, lost = copied(tmp_path / "in.tif", "out.png")
    assert lost == {"floating point"}
    assert read_picture(path, 1).pixels.tolist() == [[[0, 16_384, 65_535]]]


def save(path: Path, image: Image.Image, **settings: Any) -> Path:
    image.save(path, **settings)
    return path


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    picture, other = Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1])
    frames: dict[str, Any] = {"save_all": True, "append_images": [other]}
    sources = {
        "animation": save(tmp_path / "a.webp", picture, **frames),
        "further pages": save(tmp_path / "a.tif", picture, **frames),
        "CMYK": save(tmp_path / "c.jpg", picture.convert("CMYK")),
        "XMP": save(tmp_path / "x.webp", picture, xmp=b"<x/>"),
    }
    assert {name: set(read_picture(path, 3).lost) for name, path in sources.items()} == {
        name: {name} for name in sources
    }
    rich = Picture(DEEP[:, :, :3].transpose(2, 0, 1), False, DEEP[:, :, 3], camera().tobytes(), SRGB, (300, 300))
    lost = {kind: write_picture(rich.pixels, rich, tmp_path / f"out.{kind}") for kind in KEEPS}
    assert lost["png"] == lost["tif"] == set()
    assert lost["jpg"] == {"16-bit depth", "transparency"}
    assert lost["webp"] == {"16-bit depth", "dpi"}
    assert lost["bmp"] == {"16-bit depth", "transparency", "EXIF", "colour profile"}
    assert lost["gif"] == {*lost["bmp"], "dpi", "more than 256 colours"}


def test_tags_too_long_for_a_jpeg_are_left_out(tmp_path: Path) -> None:
    exif = camera()
    exif[MAKE] = "long" * 20_000
    planes = COLOUR.transpose(2, 0, 1)
    assert write_picture(planes, Picture(planes, False, exif=exif.tobytes()), tmp_path / "a.jpg") == {"EXIF"}


def test_damaged_tags_are_left_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = camera().tobytes()
    for attempt in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(6, len(whole), 3):
            damaged[place] = rng.integers(0, 256)
        Image.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=bytes(damaged))
        for name in ("out.jpg", "out.tif"):
            try:
                copied(tmp_path / "a.jpg", name)
            except UnreadableError as error:
                raise AssertionError(f"attempt {attempt}: {error}") from error
