"""Says at the end of a training that its validation loss has risen again, and what to do."""

from pathlib import Path

import numpy as np

from aectl.training.records import read_rows

LAST = 3  # validations whose median is compared with the best
LEAST_RISE = 0.02  # of what the losses fell
LEAST_SHARE = 0.25  # of what the training loss fell since the best epoch


def overfitting_line(metrics: Path) -> str:
    """A line to print if the validation loss rose after its best epoch while the training loss fell, else nothing."""
    rows = [row for row in read_rows(metrics) if row.get("val/loss") and row.get("train/loss")]
    if len(rows) <= LAST:
        return ""
    epochs = [int(row["epoch"]) + 1 for row in rows]
    val, train = (np.array([float(row[f"{split}/loss"]) for row in rows]) for split in ("val", "train"))
    best, last = int(val.argmin()), float(np.median(val[-LAST:]))
    rise, fell, since = last - val[best], max(val[0] - val[best], train[0] - train[-1]), train[best] - train[-1]
    if best >= len(rows) - LAST or since <= 0 or rise <= max(LEAST_RISE * fell, LEAST_SHARE * since):
        return ""
    return (
        f"overfitting: val/loss was {val[best]:.4g} in epoch {epochs[best]} and is {val[-1]:.4g} in epoch "
        f"{epochs[-1]}, while the training loss fell; the other commands use the best epoch; next time: "
        f"trainer.max_epochs={epochs[best]}, callbacks=early_stopping, augment=, more examples or a smaller net\n"
    )
