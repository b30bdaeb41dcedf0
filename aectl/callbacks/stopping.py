"""When to stop before the last epoch."""

from pytorch_lightning import callbacks

from aectl.bounds import Count, NonNegative


class EarlyStopping(callbacks.EarlyStopping):
    """Ends the run when the validation loss has not fallen for a while.

    Arguments:
        patience: validations without a new best.
        min_delta: how much lower counts as a new best, in nats.
    """

    def __init__(self, patience: Count, min_delta: NonNegative) -> None:
        super().__init__("val/loss", min_delta=min_delta, patience=patience)
