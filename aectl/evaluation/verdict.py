"""Whether a model beats the best baseline."""

from dataclasses import dataclass
from typing import Literal

from aectl.evaluation.scores import MeanCI

Outcome = Literal["beats", "ties", "loses"]


@dataclass(frozen=True)
class Verdict:
    """The comparison of a model with the best baseline."""

    best_baseline: str
    outcome: Outcome
    lead_db: MeanCI  # the model's gain over it in dB of PSNR, of tokens in onset F1, over the examples that both have
    sentence: str  # the same in words


def decide_outcome(gain: MeanCI) -> Outcome:
    """`beats` or `loses` if the 95 % interval of the paired difference excludes zero, else `ties`; NaN loses."""
    if gain.low > 0:
        return "beats"
    return "ties" if gain.low <= 0 <= gain.high else "loses"


def describe_outcome(
    gain: MeanCI, examples: str, baseline: str, advice: str, digits: int = 2, unit: str = " dB"
) -> str:
    """The outcome over so many examples, such as `359 images`, in a sentence; with advice unless the model won."""
    interval = f"95 % interval {gain.low:+.{digits}f} to {gain.high:+.{digits}f}, paired over {examples}"
    outcome = decide_outcome(gain)
    if outcome == "beats":
        return f"The model beats the best baseline, {baseline}, by {gain.mean:.{digits}f}{unit} ({interval})."
    if outcome == "ties":
        return (
            f"The model ties with the best baseline, {baseline}: {gain.mean:+.{digits}f}{unit} ({interval}). {advice}"
        )
    return f"The model loses to the best baseline, {baseline}, by {-gain.mean:.{digits}f}{unit} ({interval}). {advice}"
