"""JPEG on the device gives what Pillow gives."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut
from torch import Tensor

from aectl.errors import UserError
from aectl.tasks.deblock import Deblock
from aectl.tasks.jpeg import compress, cosine_matrix, scaled


def photo(channels: int, height: int, width: int) -> Tensor:
    """(1, C, H, W) of whole gray levels."""
    part = astronaut()[60 : 60 + height, 180 : 180 + width, :channels]
    return torch.from_numpy(part.copy()).movedim(-1, 0)[None].float() / 255


def pillow(x: Tensor, quality: int) -> Tensor:
    picture = (255 * x[0]).round().byte().movedim(0, -1).numpy()
    file = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if x.shape[1] == 1 else picture).save(file, "JPEG", quality=quality)
    back = np.array(Image.open(file), np.float32).reshape(picture.shape) / 255
    return torch.from_numpy(back).movedim(-1, 0)[None]


@pytest.mark.parametrize("sides", [(128, 160), (61, 75)])
@pytest.mark.parametrize("quality", [5, 20, 50, 75, 95, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_compressed_picture_is_pillows(channels: int, quality: int, sides: tuple[int, int]) -> None:
    x = photo(channels, *sides)
    error = 255 * (compress(x, torch.tensor([quality])) - pillow(x, quality)).abs()
    assert error.mean() < (0.4 if channels == 1 else 0.7)  # gray levels
    assert 6 * error.mean() < 255 * (pillow(x, quality) - x).abs().mean() or quality > 75


def test_the_cosine_transform_is_orthonormal() -> None:
    torch.testing.assert_close(cosine_matrix() @ cosine_matrix().T, torch.eye(8))


def test_the_table_is_as_it_is_at_50_and_all_ones_at_100() -> None:
    table = tuple(range(10, 74))
    at = scaled(table, torch.tensor([50, 100, 25])).flatten(1)
    assert at.tolist() == [list(table), [1] * 64, [2 * step for step in table]]


def test_each_image_has_a_quality_of_the_range() -> None:
    torch.manual_seed(0)
    x = photo(1, 16, 16).repeat(400, 1, 1, 1)
    found = {tuple(image.flatten().tolist()) for image in Deblock([10, 13]).degrade(x)}
    assert found == {tuple(compress(x[:1], torch.tensor([quality])).flatten().tolist()) for quality in range(10, 14)}


@pytest.mark.parametrize("shape", [(40,), (2, 8, 8)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"task=deblock: takes images "):
        Deblock(20).input_shape(shape)


def test_labels_have_the_quality() -> None:
    assert [Deblock(20).label, Deblock([10, 40]).label] == ["deblock-20", "deblock-10-40"]
