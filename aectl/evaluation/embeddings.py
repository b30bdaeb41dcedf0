"""Latents as features: the accuracy of classifiers on them, on PCA and on the inputs; and how many are active."""

import math
from dataclasses import asdict, dataclass
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
from aectl.models.base import Autoencoder
from aectl.models.capabilities import HasBeta, HasKL, IsConditional, code_length

IMAGES = 10_000  # the most training examples that the classifiers learn from, and examples that they are tested on
NEIGHBOURS = 5
GIVEN_CLASS = "accuracy of classifiers left out: the encoder is given the class"

Accuracies = dict[str, np.ndarray]  # for each classifier, whether it was right on each example, (N,)


@dataclass(frozen=True)
class Embeddings:
    """What the latents are worth as features; without accuracies for a conditional model, or fewer than two classes."""

    accuracy: dict[str, dict[str, MeanCI]]  # on latents, PCA and inputs, of each classifier
    units: int  # the dimensions of a code
    active: int  # those that vary with the input
    note: str  # what the inactive ones mean and what to try, or why there is no accuracy; else empty
    protocol: dict[str, Any]  # how this was measured

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        protocol = plain.pop("protocol")
        return {**plain, "dead_share": (self.units - self.active) / self.units, "protocol": protocol}


def score_embeddings(trained: TrainedRun, split: SplitName, cache: Cache) -> Embeddings:
    test, has_kl = encode_split(trained, split, IMAGES), isinstance(trained.model, HasKL)
    active, units = active_units(test.codes, has_kl), test.codes.shape[1]
    protocol = embedding_protocol(trained)
    note = describe_inactive(units, active, has_kl, isinstance(trained.model, HasBeta))
    if isinstance(trained.model, IsConditional):
        return Embeddings({}, units, active, f"{note}; {GIVEN_CLASS}" if note else GIVEN_CLASS, protocol)
    accuracy = {} if test.y is None else accuracies(trained, split, test, cache)
    return Embeddings(accuracy, units, active, note, protocol)


def has_bottleneck(model: Autoencoder) -> bool:
    return code_length(model) < math.prod(model.input_shape)


def accuracies(trained: TrainedRun, split: SplitName, test: Latents, cache: Cache) -> dict[str, dict[str, MeanCI]]:
    """The accuracy of each classifier on latents, PCA and inputs; empty with fewer than two classes."""
    train = encode_split(trained, "train", IMAGES)
    assert train.y is not None and test.y is not None
    if len(train.y.unique()) < 2:
        return {}
    named = {"latents": (train.codes.numpy(), test.codes.numpy())}
    named |= competing_features(trained, split, test.codes.shape[1])
    classes = [fingerprint(y.numpy()) for y in (train.y, test.y)]
    accuracy = {}
    for name, (x, x_test) in track(named.items(), "embeddings"):
        key = {"train": fingerprint(x), "test": fingerprint(x_test), "classes": classes, "neighbours": NEIGHBOURS}
        right = cache.get(key, partial(classify, x, x_test, train, test))
        accuracy[name] = {kind: mean_ci(values) for kind, values in right.items()}
    return accuracy


def competing_features(trained: TrainedRun, split: SplitName, units: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features to compare with: as many principal components of the inputs, and the inputs themselves."""
    from sklearn.decomposition import PCA

    x, x_test = (inputs(trained, name) for name in ("train", split))
    pca = PCA(min(units, *x.shape), random_state=0).fit(x)
    name = "pixels" if trained.modality.name == "images" else "inputs"
    return {f"PCA-{pca.n_components_}": (pca.transform(x), pca.transform(x_test)), name: (x, x_test)}


@torch.inference_mode()
def inputs(trained: TrainedRun, split: SplitName) -> np.ndarray:
    """The first inputs of a split as rows, (N, values), with the corruption that the latents saw."""
    return encode_split(trained, split, IMAGES, lambda example: example.input.flatten(1)).codes.numpy()


def classify(x: np.ndarray, x_test: np.ndarray, train: Latents, test: Latents) -> Accuracies:
    """Whether k nearest neighbours, and a linear probe on standardized features, are right on each test example."""
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


def embedding_protocol(trained: TrainedRun) -> dict[str, Any]:
    return {
        "train": min(IMAGES, len(trained.run.data.split("train").x)),
        "knn": f"{NEIGHBOURS} nearest neighbours, Euclidean",
        "probe": "logistic regression on standardized features",
        "active": f"variance of the mean over the split above {ACTIVE_VARIANCE}"
        if isinstance(trained.model, HasKL)
        else f"variance over the split above {DEAD_SHARE} of the largest",
        "task": to_plain(trained.run.cfg.task),
    }
