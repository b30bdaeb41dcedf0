"""A map shows latents where its caption says, and its inverse leads back."""

import numpy as np
import pytest

from aectl.errors import UserError
from aectl.explorer.latent_space import quantize
from aectl.explorer.projection import NEIGHBOURS, Projection, check_map, project


@pytest.fixture
def codes() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(200, 6)) * [0.1, 3, 0.2, 2, 0.1, 0.1] + 1).astype(np.float32)


def test_two_dimensions_are_their_own_map(codes: np.ndarray) -> None:
    found = project(codes[:, :2], "auto")
    assert found.exact
    assert np.array_equal(found.points, codes[:, :2])
    assert np.array_equal(found.to_codes(found.points, codes[:, :2]), codes[:, :2])


def test_one_dimension_lies_along_the_first_axis(codes: np.ndarray) -> None:
    found = project(codes[:, :1], "auto")
    assert np.array_equal(found.points[:, :1], codes[:, :1])
    assert np.array_equal(found.to_codes(found.points, codes[:, :1]), codes[:, :1])


def test_the_inverse_of_pca_is_the_nearest_latent_of_its_plane(codes: np.ndarray) -> None:
    found = project(codes, "auto")
    assert not found.exact
    back = found.to_codes(found.points, codes)
    centred = codes - codes.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    assert np.allclose(back, codes.mean(0) + centred @ axes[:2].T @ axes[:2], atol=1e-5)
    assert "PCA of 6 dimensions, 99% of the variance" in found.caption


def test_units_are_the_two_with_the_largest_variance(codes: np.ndarray) -> None:
    found = project(codes, "units")
    assert found.axes == ("z2", "z4")
    assert np.array_equal(found.points, codes[:, [1, 3]])
    back = found.to_codes(found.points[:1], codes)[0]
    assert np.allclose(back[[1, 3]], codes[0, [1, 3]])
    assert np.allclose(np.delete(back, [1, 3]), np.delete(codes.mean(0), [1, 3]))


def test_a_map_without_an_inverse_takes_the_neighbours(codes: np.ndarray) -> None:
    found = Projection(codes[:, :2], ("", ""), "", False, None, codes.mean(0))
    nearest = np.argsort(np.square(codes[:, :2] - codes[0, :2]).sum(1))[:NEIGHBOURS]
    assert np.allclose(found.to_codes(codes[:1, :2], codes)[0], codes[nearest].mean(0))


def test_umap_that_is_not_installed_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^map=umap: umap-learn is not installed; pip install umap-learn, or use"):
        check_map("umap")


def test_latents_of_16_bits_are_off_by_half_a_step_at_most(codes: np.ndarray) -> None:
    low, step, packed = quantize(codes)
    back = low + step * np.frombuffer(packed, np.uint16).reshape(codes.shape)
    assert (np.abs(back - codes) <= 0.51 * (codes.max(0) - codes.min(0)) / 65535 + 1e-6).all()
