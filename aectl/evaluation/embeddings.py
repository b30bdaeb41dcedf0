"""How much of what tells classes apart is in the latents, beside PCA and the pixels themselves; and what is unused."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from aectl.config import to_plain
from aectl.data.source import SplitName
from aectl.evaluation.active_units import ACTIVE_VARIANCE, DEAD_SHARE, active_units, describe_inactive
from aectl.evaluation.cache import Cache, fingerprint
from aectl.evaluation.scores import MeanCI, mean_ci
from aectl.inference.latents import Latents, encode_split
from aectl.inference.trained_run import TrainedRun
from aectl.io.progress import track

IMAGES = 10_000
"""Training examples, at most, that the classifiers learn from, and examples that they are tested on."""
NEIGHBOURS = 5

Accuracies = dict[str, np.ndarray]
"""For each classifier whether it was right on each example, (N,)."""


@dataclass(frozen=True)
class Embeddings:
    """What the latents are worth.

    Arguments:
        accuracy: for the latents, PCA and the pixels: for each classifier its accuracy with a 95 % interval; empty
            where there are no two classes.
        units: the numbers in a code.
        active: those of them that vary with the input.
        note: what the unused ones mean, in words; empty when all are in use.
    """

    accuracy: dict[str, dict[str, MeanCI]]
    units: int
    active: int
    note: str


def score_embeddings(opened: TrainedRun, split: SplitName, cache: Cache) -> Embeddings:
    """Scores the latents of a run whose code is smaller than its input."""
    test = encode_split(opened, split, IMAGES)
    active = active_units(test.codes, opened.model.generative)
    units = test.codes.shape[1]
    accuracy = {} if test.y is None else accuracies(opened, split, test, cache)
    return Embeddings(
        accuracy,
        units,
        active,
        describe_inactive(units, active, opened.model.generative, hasattr(opened.model, "beta")),
    )


def accuracies(opened: TrainedRun, split: SplitName, test: Latents, cache: Cache) -> dict[str, dict[str, MeanCI]]:
    """How often the classifiers are right on latents, PCA and pixels; nothing where there are no two classes."""
    train = encode_split(opened, "train", IMAGES)
    assert train.y is not None and test.y is not None
    if len(train.y.unique()) < 2:
        return {}
    named = {
        "latents": (train.codes.numpy(), test.codes.numpy()),
        **competing_features(opened, split, test.codes.shape[1]),
    }
    classes = [fingerprint(y.numpy()) for y in (train.y, test.y)]
    accuracy = {}
    for name, (x, x_test) in track(named.items(), "embeddings"):
        key = {"train": fingerprint(x), "test": fingerprint(x_test), "classes": classes, "neighbours": NEIGHBOURS}
        right = cache.get(key, partial(classify, x, x_test, train, test))
        accuracy[name] = {kind: mean_ci(values) for kind, values in right.items()}
    return accuracy


def competing_features(opened: TrainedRun, split: SplitName, units: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What the latents are compared with: as many principal components of the inputs, and the inputs themselves."""
    from sklearn.decomposition import PCA

    x, x_test = (inputs(opened, name) for name in ("train", split))
    pca = PCA(min(units, *x.shape), random_state=0).fit(x)
    return {f"PCA-{pca.n_components_}": (pca.transform(x), pca.transform(x_test)), "pixels": (x, x_test)}


@torch.inference_mode()
def inputs(opened: TrainedRun, split: SplitName) -> np.ndarray:
    """The first inputs of a split as rows, (N, values), posed as the latents' were."""
    return encode_split(opened, split, IMAGES, lambda example: example.input.flatten(1)).codes.numpy()


def classify(x: np.ndarray, x_test: np.ndarray, train: Latents, test: Latents) -> Accuracies:
    """Whether the k nearest neighbours, and a linear probe on standardized features, name each test example right."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert train.y is not None and test.y is not None
    y, y_test = train.y.numpy(), test.y.numpy()
    classifiers = {
        "knn": KNeighborsClassifier(min(NEIGHBOURS, len(x))),
        "probe": make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, tol=1e-3)),
    }
    return {name: classifier.fit(x, y).predict(x_test) == y_test for name, classifier in classifiers.items()}


def has_bottleneck(opened: TrainedRun) -> bool:
    """Whether the model's code is smaller than its input, so that it can be called an embedding."""
    return opened.model.latent_size < math.prod(opened.model.input_shape)


def embedding_protocol(opened: TrainedRun) -> dict[str, Any]:
    """How the embeddings were scored, for the protocol."""
    return {
        "train": min(IMAGES, len(opened.run.data.split("train").x)),
        "knn": f"{NEIGHBOURS} nearest neighbours, Euclidean",
        "probe": "logistic regression on standardized features",
        "active": f"variance of the mean over the split above {ACTIVE_VARIANCE}"
        if opened.model.generative
        else f"variance over the split above {DEAD_SHARE} of the largest",
        "task": to_plain(opened.run.cfg.task),
    }
