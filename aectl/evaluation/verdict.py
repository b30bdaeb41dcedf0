"""Says in one sentence what the comparison means, and what to try when it was lost."""

from typing import Literal

from aectl.evaluation.scores import MeanCI
from aectl.models.ae import AE
from aectl.models.base import Autoencoder

Outcome = Literal["beats", "ties", "loses"]


def outcome(lead: MeanCI) -> Outcome:
    """Beats or loses when the 95 % interval of the paired difference leaves out zero, else ties; NaN loses."""
    if lead.low > 0:
        return "beats"
    return "ties" if lead.low <= 0 <= lead.high else "loses"


def sentence(lead: MeanCI, n: int, baseline: str, way_on: str) -> str:
    """The outcome against the best baseline, with the difference in dB, and a way on where it did not win."""
    result = outcome(lead)
    interval = f"95 % interval {lead.low:+.2f} to {lead.high:+.2f}, paired over {n:,} images"
    words = {
        "beats": f"The model beats the best baseline, {baseline}, by {lead.mean:.2f} dB ({interval}).",
        "ties": f"The model ties with the best baseline, {baseline}: {lead.mean:+.2f} dB ({interval}).",
        "loses": f"The model loses to the best baseline, {baseline}, by {-lead.mean:.2f} dB ({interval}).",
    }
    return words[result] if result == "beats" else f"{words[result]} {way_on}"


def suggest_improvement(model: Autoencoder, restores: bool, trained_on: str, tested_on: str) -> str:
    """What to try next with a model that did not beat the best baseline."""
    if trained_on != tested_on:
        return f"It has learned {trained_on} alone: for images like these, train on them (dataset={tested_on})."
    longer = "train for longer (trainer.max_epochs=), or make the net larger"
    if not restores or not isinstance(model, AE):
        return f"Try to {longer}."
    if len(model.latent_shape) == 1:
        return (
            "One code for the whole image is the wrong shape for restoring it: try net.latent=grid, "
            "or model=rednet, which has no bottleneck."
        )
    return f"Restoring through a bottleneck loses detail: try model=rednet, which has none, or {longer}."
