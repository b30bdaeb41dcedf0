"""What to expect of the training examples, said before training."""

import sys

import torch

from aectl.data.source import Split

FEW = 50  # examples
MEASURED = 500  # examples that are compared with each other
ALIKE = 0.9  # of the variance of the values


def warn_of_examples(split: Split) -> None:
    """Says on standard error, in a line each, that the examples are few, or nearly the same."""
    n = len(split.x)
    if n < FEW:
        print(
            f"dataset: {n} training examples; expected {FEW} or more: a model learns so few by heart; add some, or "
            "make more of each: augment=flip, or dataset.resize=patches for a folder of pictures",
            file=sys.stderr,
        )
    if n > 1 and (share := explained_by_mean(split.x)) > ALIKE:
        print(
            f"dataset: the training examples are nearly alike (their mean explains {share:.0%} of their variance): a "
            "model learns that mean and little else; add examples that differ",
            file=sys.stderr,
        )


def explained_by_mean(x: torch.Tensor) -> float:
    """The fraction of the variance of examples (N, *shape) that their mean has; 1 if they are all of one value."""
    chosen = x[:: max(1, len(x) // MEASURED)].flatten(1).double()
    total = chosen.var(correction=0)
    return 1 - float(chosen.var(dim=0, correction=0).mean() / total) if total > 0 else 1.0
