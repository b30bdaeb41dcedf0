"""Latents as features, on codes whose worth is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from aectl.data.digits import Digits
from aectl.data.source import Split, SplitName
from aectl.evaluation import embeddings
from aectl.evaluation.cache import Cache
from aectl.evaluation.embeddings import (
    classify,
    competing_features,
    embedding_protocol,
    has_bottleneck,
    inputs,
    score_embeddings,
)
from aectl.evaluation.scores import mean_ci
from aectl.inference.latents import Latents, encode_split
from aectl.models.ae import AE
from aectl.models.restoring.rednet import RedNet
from tests.support.toy_models import first, identity, linear_ae, linear_vae, opened

SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


@pytest.fixture
def classified(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of features in each call of `classify`."""
    widths: list[int] = []

    def counted(x: np.ndarray, *rest: object) -> embeddings.Accuracies:
        widths.append(x.shape[1])
        return classify(x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(embeddings, "classify", counted)
    return widths


class Unlabelled(Digits):
    """The digits, without their classes."""

    def split(self, name: SplitName) -> Split:
        return Split(super().split(name).x)


class OfOneClass(Digits):
    """The digits, all of one class."""

    def split(self, name: SplitName) -> Split:
        split = super().split(name)
        return Split(split.x, torch.zeros(len(split.x), dtype=torch.int64), ["digit"])


class Reversed(Digits):
    """The digits with their labels in reverse order."""

    def split(self, name: SplitName) -> Split:
        split = super().split(name)
        assert split.y is not None
        return split._replace(y=split.y.flip(0))


class Inverted(Digits):
    """The digits; the test images are inverted."""

    def split(self, name: SplitName) -> Split:
        split = super().split(name)
        return split._replace(x=255 - split.x) if name == "test" else split


def principal(units: int, generative: bool = False) -> AE:
    """A model that encodes digits to their principal components."""
    x = Digits().split("train").x.flatten(1).float() / 255
    pca = PCA(units, random_state=0).fit(x.numpy())
    axes, center = torch.from_numpy(pca.components_), torch.from_numpy(pca.mean_)
    model = linear_vae(SHAPE, units, identity()) if generative else linear_ae(SHAPE, units)
    first(model).weight[:units] = axes
    first(model).bias[:units] = -axes @ center
    return model


def clusters(n: int, apart: float) -> tuple[np.ndarray, Latents]:
    """Points around the corners of a triangle, labelled by corner."""
    y = torch.arange(n) % 3
    corners = apart * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    codes = corners[y] + torch.randn(n, 2)
    return codes.numpy(), Latents(codes, y, ["a", "b", "c"])


def test_separated_classes_are_classified_without_error() -> None:
    (x, train), (x_test, test) = clusters(300, apart=20), clusters(99, apart=20)
    right = classify(x, x_test, train, test)
    assert right.keys() == {"knn", "probe"}
    assert all(values.shape == (99,) and values.all() for values in right.values())


def test_overlapping_classes_are_classified_at_chance() -> None:
    (x, train), (x_test, test) = clusters(600, apart=0), clusters(900, apart=0)
    for values in classify(x, x_test, train, test).values():
        assert values.mean() == pytest.approx(1 / 3, abs=0.06)


def test_only_neighbours_classify_what_no_plane_separates() -> None:
    def ring(n: int) -> tuple[np.ndarray, Latents]:
        y, angle = torch.arange(n) % 2, torch.rand(n) * 2 * torch.pi
        codes = (1.0 + y)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
        return codes.numpy(), Latents(codes, y, ["inner", "outer"])

    (x, train), (x_test, test) = ring(1_000), ring(400)
    right = classify(x, x_test, train, test)
    assert right["knn"].mean() > 0.99
    assert right["probe"].mean() < 0.65


def test_the_scale_of_a_feature_changes_neighbours_but_not_the_probe() -> None:
    (x, train), (x_test, test) = clusters(300, apart=3), clusters(300, apart=3)
    scales = np.array([1e-3, 1e2], np.float32)
    before, after = classify(x, x_test, train, test), classify(x * scales, x_test * scales, train, test)
    assert np.mean(before["probe"] == after["probe"]) > 0.99
    assert after["knn"].mean() < before["knn"].mean() - 0.1


def test_classifiers_learn_from_fewer_examples_than_neighbours() -> None:
    (x, train), (x_test, test) = clusters(3, apart=20), clusters(30, apart=20)
    assert classify(x, x_test, train, test)["probe"].all()


def test_principal_components_as_latents_score_as_pca_does(cache: Cache) -> None:
    found = score_embeddings(opened(principal(8)), "test", cache)
    assert list(found.accuracy) == ["latents", "PCA-8", "pixels"]
    for kind in ("knn", "probe"):
        ours, theirs = found.accuracy["latents"][kind], found.accuracy["PCA-8"][kind]
        assert ours.mean == pytest.approx(theirs.mean, abs=1.5 / 359)
        assert 0.8 < ours.low < ours.mean < ours.high <= 1
    assert found.accuracy["pixels"]["knn"].mean > 0.97
    assert (found.units, found.active, found.note) == (8, 8, "")


def test_accuracy_is_that_of_the_named_split(cache: Cache) -> None:
    trained = opened(principal(4))
    train, val = (encode_split(trained, name, 2_000) for name in ("train", "val"))
    right = classify(train.codes.numpy(), val.codes.numpy(), train, val)
    found = score_embeddings(trained, "val", cache)
    assert found.accuracy["latents"] == {kind: mean_ci(values) for kind, values in right.items()}
    assert len(right["knn"]) == 144


def test_a_constant_code_classifies_at_chance(cache: Cache) -> None:
    found = score_embeddings(opened(linear_vae(SHAPE, 5, identity())), "test", cache)
    assert all(accuracy.mean < 0.2 for accuracy in found.accuracy["latents"].values())
    assert found.accuracy["PCA-5"]["knn"].mean > 0.6
    assert (found.units, found.active) == (5, 0)
    assert found.note.startswith("posterior collapse: 5 of 5 latent dimensions")


def test_inactive_dimensions_are_counted(cache: Cache) -> None:
    model = principal(6, generative=True)
    first(model).weight[[1, 4]] *= 1e-3
    found = score_embeddings(opened(model, "tests.evaluation.test_embeddings.Unlabelled"), "test", cache)
    assert (found.units, found.active) == (6, 4)
    assert found.note.startswith("2 of 6 latent dimensions (33%)")


@pytest.mark.parametrize("source", ["Unlabelled", "OfOneClass"])
def test_without_two_classes_there_is_no_accuracy(source: str, cache: Cache) -> None:
    found = score_embeddings(opened(principal(3), f"tests.evaluation.test_embeddings.{source}"), "test", cache)
    assert found.accuracy == {}
    assert (found.units, found.active) == (3, 3)


def test_features_are_classified_once(cache: Cache, classified: list[int]) -> None:
    found = score_embeddings(opened(principal(4)), "test", cache)
    assert classified == [4, 4, 64]
    assert score_embeddings(opened(principal(4)), "test", cache) == found
    assert classified == [4, 4, 64]
    other = principal(4)
    first(other).weight[0] *= 2
    assert score_embeddings(opened(other), "test", cache).accuracy["pixels"] == found.accuracy["pixels"]
    assert classified == [4, 4, 64, 4]
    assert score_embeddings(opened(principal(4)), "val", cache) != found
    assert classified == [4, 4, 64, 4, 4, 4, 64]


def test_the_same_images_with_other_classes_are_classified_anew(cache: Cache, classified: list[int]) -> None:
    real = score_embeddings(opened(principal(4)), "test", cache).accuracy["pixels"]["knn"]
    shuffled = score_embeddings(
        opened(principal(4), "tests.evaluation.test_embeddings.Reversed"), "test", cache
    ).accuracy["pixels"]["knn"]
    assert len(classified) == 6
    assert real.mean > 0.9
    assert shuffled.mean < 0.3


def test_other_test_images_are_classified_anew(cache: Cache, classified: list[int]) -> None:
    real = score_embeddings(opened(principal(4)), "test", cache).accuracy["pixels"]["knn"]
    inverted = score_embeddings(
        opened(principal(4), "tests.evaluation.test_embeddings.Inverted"), "test", cache
    ).accuracy["pixels"]["knn"]
    assert len(classified) == 6
    assert inverted.mean < real.mean - 0.3


def test_pca_and_pixels_see_the_same_corruption_as_the_latents() -> None:
    model = linear_ae(SHAPE, 64)
    first(model).weight.copy_(torch.eye(64))
    noisy = opened(model, sigma=0.3, mean=0.0, clip=True)
    x = inputs(noisy, "test")
    assert np.array_equal(x, encode_split(noisy, "test", 1_000).codes.numpy())
    clean = Digits().split("test").x.flatten(1).numpy() / 255
    assert np.allclose(inputs(opened(model), "test"), clean)
    assert 0.05 < np.abs(x - clean).mean() < 0.3


def test_pca_has_as_many_components_as_the_code_where_possible() -> None:
    few, many = (competing_features(opened(linear_ae(SHAPE, 1)), "val", units) for units in (3, 1_000))
    assert list(few) == ["PCA-3", "pixels"]
    assert few["PCA-3"][0].shape == (1294, 3)
    assert few["PCA-3"][1].shape == (144, 3)
    assert list(many) == ["PCA-64", "pixels"]


@pytest.mark.parametrize(("units", "smaller"), [(1, True), (63, True), (64, False), (65, False)])
def test_a_model_has_a_bottleneck_if_its_code_is_smaller_than_its_input(units: int, smaller: bool) -> None:
    assert has_bottleneck(linear_ae(SHAPE, units)) == smaller


def test_a_model_with_skip_connections_has_no_bottleneck() -> None:
    rednet = RedNet(SHAPE, SHAPE, features=8, depth=2, skip_every=1, stride=2, likelihood=identity())
    assert not has_bottleneck(rednet)


def test_the_protocol_defines_active() -> None:
    protocols = [embedding_protocol(opened(model)) for model in (linear_ae(SHAPE, 2), linear_vae(SHAPE, 2, identity()))]
    assert [protocol["active"] for protocol in protocols] == [
        "variance over the split above 0.0001 of the largest",
        "variance of the mean over the split above 0.01",
    ]
    assert protocols[0]["train"] == 1294
