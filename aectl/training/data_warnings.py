"""What to expect of the training examples, said before training."""

import sys

import torch
import torch.nn.functional as F

from aectl.data.source import Split

FEW = 50  # examples
MEASURED = 500  # examples that are compared with each other
ALIKE = 0.9  # of the variance of the values
ONE_KIND = 0.6  # mean correlation: that of one class of digits or clothes is .6 to .8, that of all classes .3 to .5


def warn_of_examples(split: Split) -> None:
    """Says on standard error, in a line each, that the examples are few, or nearly the same, or of one kind."""
    n = len(split.x)
    if n < FEW:
        print(
            f"dataset: {n} training examples; expected {FEW} or more: a model learns so few by heart; add some, or "
            "make more of each: augment=flip; of a folder of large pictures dataset.resize=patches cuts "
            "many, and a larger dataset.patches more",
            file=sys.stderr,
        )
    if n > 1 and (share := explained_by_mean(split.x)) > ALIKE:
        print(
            f"dataset: the training examples are nearly alike (their mean explains {share:.0%} of their variance): a "
            "model learns that mean and little else; add examples that differ",
            file=sys.stderr,
        )
    elif n > 1 and split.x.dim() == 4 and (correlation := mean_correlation(split.x)) > ONE_KIND:
        print(
            f"dataset: the training pictures are of one kind (their mean correlation is {correlation:.2f}): expect the "
            "model to fail on other pictures; add other kinds if it is to work on them, and measure it there with "
            "aectl eval latest dataset=...",
            file=sys.stderr,
        )


def mean_correlation(x: torch.Tensor) -> float:
    """The mean of the correlation coefficients of all pairs of examples (N, *shape); of flat ones 0."""
    chosen = some_examples(x)
    n, centred = len(chosen), chosen - chosen.mean(dim=1, keepdim=True)
    unit = F.normalize(centred, dim=1)
    return float((unit.sum(dim=0).square().sum() - unit.square().sum()) / (n * (n - 1)))


def explained_by_mean(x: torch.Tensor) -> float:
    """The fraction of the variance of examples (N, *shape) that their mean has; 1 if they are all of one value."""
    chosen = some_examples(x)
    total = chosen.var(correction=0)
    return 1 - float(chosen.var(dim=0, correction=0).mean() / total) if total > 0 else 1.0


def some_examples(x: torch.Tensor) -> torch.Tensor:
    """About `MEASURED` of the examples (N, *shape), as rows of doubles."""
    return x[:: max(1, len(x) // MEASURED)].flatten(1).double()
