"""What training asks of a model with several players."""

from itertools import combinations

from aectl.errors import UserError
from aectl.models.base import Autoencoder
from aectl.training.trainer import TrainerConfig


def check_shared_weights(model: Autoencoder, settings: TrainerConfig) -> None:
    """Raises a UserError if gradients are to be accumulated of players who share weights, and so their gradients."""
    if settings.accumulate_grad_batches == 1:
        return
    for (first, its), (second, others) in combinations(model.players.items(), 2):
        if {id(weight) for weight in its} & {id(weight) for weight in others}:
            raise UserError(
                f"trainer.accumulate_grad_batches={settings.accumulate_grad_batches}: the players {first} and {second} "
                f"of {type(model).__name__} share weights, so that their gradients would mix; expected 1; for larger "
                "steps set data.batch_size"
            )
