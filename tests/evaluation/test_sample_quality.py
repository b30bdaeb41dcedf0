"""Sample quality, on point clouds for which the answer is known."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from aectl.evaluation.sample_quality import Features, SampleScores, frechet, nearest_neighbours, neighbourhoods, radii

NEIGHBOURS = 5
FLOATS = [np.float32, np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def gaussian(rng: np.random.Generator, n: int, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Points (n, D) of exactly this mean and covariance."""
    points = rng.normal(size=(n, len(mean)))
    points -= points.mean(0)
    points @= np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(points.T)))).T
    return mean + points @ np.linalg.cholesky(covariance).T


def random_covariance(rng: np.random.Generator, dim: int) -> np.ndarray:
    root = rng.normal(size=(dim, dim))
    return root @ root.T + 0.1 * np.eye(dim)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))


def radius(points: np.ndarray, i: int) -> float:
    return sorted(distance(points[i], points[j]) for j in range(len(points)) if j != i)[NEIGHBOURS - 1]


def one_by_one(drawn: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """The four scores by the formulas of the papers."""
    of_real, of_drawn = ([radius(points, i) for i in range(len(points))] for points in (real, drawn))
    inside = [[distance(d, r) <= of_real[j] for j, r in enumerate(real)] for d in drawn]
    reached = [[distance(d, r) <= of_drawn[i] for i, d in enumerate(drawn)] for r in real]
    closest = [min(distance(d, r) for d in drawn) for r in real]
    return {
        "precision": float(np.mean([any(row) for row in inside])),
        "recall": float(np.mean([any(row) for row in reached])),
        "density": sum(sum(row) for row in inside) / (NEIGHBOURS * len(drawn)),
        "coverage": float(np.mean([c <= r for c, r in zip(closest, of_real, strict=True)])),
    }


class TestFrechet:
    @pytest.mark.parametrize("dim", [1, 2, 16])
    def test_for_diagonal_covariances_it_is_the_distance_of_means_and_deviations(
        self, dim: int, rng: np.random.Generator
    ) -> None:
        means, deviations = rng.normal(size=(2, dim)), rng.uniform(0.1, 3, size=(2, dim))
        a, b = (gaussian(rng, 200, m, np.diag(s**2)) for m, s in zip(means, deviations, strict=True))
        expected = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
        assert frechet(a, b) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("dim", [2, 7, 32])
    def test_for_any_covariances_it_agrees_with_the_matrix_root_of_scipy(
        self, dim: int, rng: np.random.Generator
    ) -> None:
        means, covariances = rng.normal(size=(2, dim)), [random_covariance(rng, dim) for _ in range(2)]
        a, b = (gaussian(rng, 300, m, c) for m, c in zip(means, covariances, strict=True))
        root = np.trace(sqrtm(covariances[0] @ covariances[1]).real)
        expected = np.square(means[0] - means[1]).sum() + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root
        assert frechet(a, b) == pytest.approx(expected, rel=1e-8)
        assert frechet(b, a) == pytest.approx(expected, rel=1e-8)

    @pytest.mark.parametrize("shape", [(1, 4), (2, 4), (50, 1), (50, 64), (500, 64)])
    @pytest.mark.parametrize("kind", FLOATS)
    def test_it_is_zero_between_a_set_and_itself(
        self, shape: tuple[int, int], kind: type[np.floating], rng: np.random.Generator
    ) -> None:
        a = rng.normal(size=shape).astype(kind)
        assert frechet(a, rng.permutation(a)) == pytest.approx(0, abs=1e-4 if kind is np.float32 else 1e-9)

    @pytest.mark.parametrize("n", [1, 2, 3, 40])
    def test_of_a_shifted_set_it_is_the_squared_shift(self, n: int, rng: np.random.Generator) -> None:
        a = rng.normal(size=(n, 9))
        assert frechet(a, a + np.array([3.0, 4.0, *[0.0] * 7])) == pytest.approx(25)

    def test_between_lines_it_depends_on_their_angle(self) -> None:
        """Covariances of rank one, u u^T and v v^T: the trace of the root of their product is |u v|."""
        u, v = np.array([[2.0, 0.0]]), np.array([[3.0, 4.0]])
        a, b = (np.array([[-1.0], [0.0], [1.0]]) @ line for line in (u, v))
        assert frechet(a, b) == pytest.approx(4 + 25 - 2 * 6)

    def test_from_a_point_to_a_cloud_it_is_variance_plus_squared_distance(self, rng: np.random.Generator) -> None:
        around = gaussian(rng, 100, np.array([1.0, 2.0]), np.diag([4.0, 9.0]))
        for point in (np.zeros((1, 2)), np.zeros((30, 2))):
            assert frechet(point, around) == pytest.approx(5 + 13)

    def test_it_is_invariant_to_rotation(self, rng: np.random.Generator) -> None:
        a, b = rng.normal(size=(60, 5)), rng.normal(size=(80, 5)) @ rng.normal(size=(5, 5))
        turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
        assert frechet(a @ turn, b @ turn) == pytest.approx(frechet(a, b))


class TestNeighbourhoods:
    @pytest.mark.parametrize(("n", "m", "dim"), [(30, 30, 2), (40, 15, 1), (6, 50, 20), (60, 60, 3)])
    @pytest.mark.parametrize("kind", FLOATS)
    def test_they_agree_with_the_formulas(
        self, n: int, m: int, dim: int, kind: type[np.floating], rng: np.random.Generator
    ) -> None:
        drawn, real = rng.normal(0.7, 0.8, size=(n, dim)).astype(kind), rng.normal(size=(m, dim)).astype(kind)
        assert neighbourhoods(drawn, real) == pytest.approx(one_by_one(drawn, real))

    @pytest.mark.parametrize("dim", [1, 30])
    @pytest.mark.parametrize(("n", "neighbours"), [(2, 1), (3, 2), (6, 5), (80, 5)])
    @pytest.mark.parametrize("kind", FLOATS)
    def test_a_set_covers_itself(
        self, n: int, neighbours: int, dim: int, kind: type[np.floating], rng: np.random.Generator
    ) -> None:
        real = rng.normal(size=(n, dim)).astype(kind)
        found = neighbourhoods(rng.permutation(real), real)
        assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)
        assert found["density"] == pytest.approx((neighbours + 1) / neighbours)  # each ball holds its own centre too

    def test_repeated_images_have_neighbourhoods_of_radius_zero_that_hold_them(self) -> None:
        real = np.repeat(np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32), 6, axis=0)
        assert (radii(real) == 0).all()
        found = neighbourhoods(real[::6].repeat(6, axis=0), real)
        assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)

    def test_two_draws_of_one_distribution_have_the_expected_density_and_coverage(
        self, rng: np.random.Generator
    ) -> None:
        """Naeem et al. (2020), lemma 2: the coverage of as many samples is 1 - (M-1)...(M-k) / (2M-1)...(2M-k)."""
        drawn, real = rng.normal(size=(2, 1_500, 3))
        found = neighbourhoods(drawn, real)
        assert found["density"] == pytest.approx(1, abs=0.05)
        assert found["coverage"] == pytest.approx(1 - 0.5**NEIGHBOURS, abs=0.02)
        assert min(found["precision"], found["recall"]) > 0.95

    def test_sets_far_apart_score_zero(self, rng: np.random.Generator) -> None:
        drawn, real = rng.normal(size=(2, 60, 4))
        assert neighbourhoods(drawn + 100, real) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}

    def test_samples_of_one_mode_have_high_precision_and_low_recall(self, rng: np.random.Generator) -> None:
        real = rng.normal(size=(200, 2)) + 50 * (np.arange(200) % 10)[:, None]
        found = neighbourhoods(rng.normal(size=(200, 2)), real)
        assert found["precision"] > 0.9
        assert found["recall"] == pytest.approx(0.1, abs=0.02)
        assert found["coverage"] == pytest.approx(0.1, abs=0.02)

    def test_one_repeated_image_has_precision_one_and_recall_zero(self, rng: np.random.Generator) -> None:
        real = rng.normal(size=(200, 30))
        found = neighbourhoods(np.repeat(real[:1] + 0.01, 200, axis=0), real)
        assert (found["precision"], found["recall"]) == (1, 0)
        assert found["coverage"] < 0.1

    def test_scattered_samples_have_high_recall_and_low_precision(self, rng: np.random.Generator) -> None:
        drawn, real = 30 * rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
        found = neighbourhoods(drawn, real)
        assert found["recall"] > 0.9
        assert found["precision"] < 0.05
        assert found["density"] < 0.05

    @pytest.mark.parametrize("n", [1, 2, 3, 5])
    def test_a_neighbourhood_among_few_images_reaches_the_farthest(self, n: int, rng: np.random.Generator) -> None:
        points = rng.normal(size=(n, 4))
        farthest = [max(distance(a, b) for b in points) for a in points]
        assert radii(points).tolist() == pytest.approx(farthest)


class TestNearest:
    def test_it_is_the_smallest_root_mean_square_difference(self, rng: np.random.Generator) -> None:
        train, images = rng.random((70, 12)), rng.random((9, 12))
        found, which = nearest_neighbours(train, images)
        expected = [[math.sqrt(np.mean((image - other) ** 2)) for other in train] for image in images]
        assert found.tolist() == pytest.approx([min(row) for row in expected])
        assert which.tolist() == [row.index(min(row)) for row in expected]

    @pytest.mark.parametrize("values", [1, 64, 784])
    def test_it_does_not_depend_on_the_number_of_pixels(self, values: int) -> None:
        train = np.array([0.0, 1.0])[:, None] * np.ones(values)
        found, which = nearest_neighbours(train, np.full((1, values), 0.9))
        assert found == pytest.approx([0.1])
        assert which.tolist() == [1]


class TestScores:
    def features(self, rng: np.random.Generator, train: int = 400, held_out: int = 200) -> Features:
        return Features(*(rng.random((n, 100)).astype(np.float32) for n in (train, held_out)))

    def test_other_real_images_are_close_and_not_copies(self, rng: np.random.Generator) -> None:
        features = self.features(rng)
        score = features.score(rng.random((200, 100)).astype(np.float32))
        assert score.copies == 0
        assert score.nearest == pytest.approx(features.distance, rel=0.05)
        assert min(score.precision, score.recall, score.coverage) > 0.75

    def test_training_images_are_copies(self, rng: np.random.Generator) -> None:
        features = self.features(rng)
        score = features.score(features.train[:150])
        assert score.copies == 1
        assert score.nearest == pytest.approx(0, abs=1e-3)

    @pytest.mark.parametrize(("closer", "copied"), [(0.4, True), (0.6, False)])
    def test_a_copy_is_nearer_than_half_the_median_distance_of_held_out_images(
        self, closer: float, copied: bool, rng: np.random.Generator
    ) -> None:
        features = self.features(rng)
        step = closer * features.distance * rng.choice([-1, 1], size=(50, 100))
        images = np.concatenate([features.train[:50] + step, rng.random((150, 100))]).astype(np.float32)
        score = features.score(images)
        assert score.copies == (0.25 if copied else 0)

    def test_held_out_images_score_best(self, rng: np.random.Generator) -> None:
        features = self.features(rng)
        held_out = features.pca.inverse_transform(features.held_out)
        assert features.score(held_out).frechet == pytest.approx(0, abs=1e-4)
        assert features.score(held_out + 0.1).frechet == pytest.approx(
            np.square(features.pca.components_.sum(1) * 0.1).sum(), rel=1e-3
        )

    def test_noise_is_far_from_images(self, rng: np.random.Generator) -> None:
        train, held_out, real = (rng.normal(size=(n, 3)) @ np.eye(3, 100) for n in (400, 200, 200))
        features = Features(train, held_out)
        close, far = features.score(real), features.score(rng.normal(size=(200, 100)))
        assert far.nearest > 5 * close.nearest
        assert far.frechet > 5 * close.frechet

    @pytest.mark.parametrize("train", [3, 400])
    @pytest.mark.parametrize("held_out", [1, 2, 3, 50])
    @pytest.mark.parametrize("n", [1, 2, 3, 6])
    def test_few_images_can_be_scored(self, train: int, held_out: int, n: int, rng: np.random.Generator) -> None:
        score = self.features(rng, train, held_out).score(rng.random((n, 100)).astype(np.float32))
        assert all(np.isfinite(value) for value in vars(score).values())
        shares = (score.precision, score.recall, score.coverage, score.copies)
        assert all(0 <= share <= 1 for share in shares)
        assert score.density >= 0

    @pytest.mark.parametrize(("train", "values", "components"), [(400, 100, 64), (400, 9, 9), (20, 100, 20)])
    def test_there_are_64_components_or_as_many_as_the_data_allows(
        self, train: int, values: int, components: int, rng: np.random.Generator
    ) -> None:
        features = Features(rng.random((train, values)), rng.random((30, values)))
        assert features.held_out.shape == (30, components)
        assert isinstance(features.score(rng.random((30, values))), SampleScores)
