"""Frechet distances of samples from test images of Fashion-MNIST, as `aectl eval` computes them, by sampler."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from aectl.data.source import SplitName
from aectl.data.torchvision import Torchvision
from aectl.evaluation.sample_quality import Features, frechet
from aectl.inference.sampling import COMPONENTS_OF_MIXTURE, Sampler, generate
from aectl.inference.trained_run import TrainedRun
from aectl.models.capabilities import IsConditional
from tests.benchmarks.peers import fashion_root

SAMPLES = 1000
"""Drawn, and as many test images to compare them with."""
SHAPE = (1, 28, 28)


@cache
def load_images(split: SplitName) -> Tensor:
    """The images of a split, (N, 1, 28, 28) in [0, 1]."""
    return Torchvision("FashionMNIST", str(fashion_root()), SHAPE, [], None).split(split).x / 255


@cache
def features() -> Features:
    train, test = load_images("train"), load_images("test")[:SAMPLES]
    return Features(train.flatten(1).numpy(), test.flatten(1).numpy())


def frechet_distance(images: Tensor) -> float:
    """Of images (N, 1, 28, 28) from as many test images."""
    drawn = features().pca.transform(images.flatten(1).numpy())
    return frechet(drawn, features().held_out)


def draw(trained: TrainedRun, sampler: Sampler, n: int = SAMPLES) -> Tensor:
    """Samples (n, 1, 28, 28), of a conditional model as many of each class."""
    model = trained.model
    classes = torch.arange(n) % model.num_classes if isinstance(model, IsConditional) else None
    return generate(trained, n, sampler, COMPONENTS_OF_MIXTURE, cond=classes)


def first_of_each_class(n: int) -> np.ndarray:
    """Test images of the first `n` classes, (n, 1, 28, 28) in [0, 1]."""
    split = Torchvision("FashionMNIST", str(fashion_root()), SHAPE, [], None).split("test")
    assert split.y is not None
    first = [int((split.y == label).nonzero()[0]) for label in range(n)]
    return load_images("test")[first].numpy()
