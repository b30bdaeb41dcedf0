"""Stops a run whose validation loss no longer falls."""

from typing import Any

from pytorch_lightning import callbacks

from aectl.types import NonNegativeFloat, PositiveInt


class EarlyStopping(callbacks.EarlyStopping):
    """Stops the run when the validation loss has not fallen for a while.

    Arguments:
        patience: validations without a new best.
        min_delta: how much lower counts as a new best, in nats.
    """

    def __init__(self, patience: PositiveInt, min_delta: NonNegativeFloat) -> None:
        super().__init__("val/loss", min_delta=min_delta, patience=patience)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """All but the patience, which a resumed run may change."""
        super().load_state_dict({**state_dict, "patience": self.patience})
