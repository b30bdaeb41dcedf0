"""`aectl sample attribute=density`: test melodies moved along the vector of something that is measured of them."""

from aectl.inference.attributes import measure_moved
from aectl.inference.trained_run import TrainedRun
from aectl.modalities.music_attributes import ATTRIBUTES
from aectl.plots import figures


def draw_measured(trained: TrainedRun, attribute: str, strengths: list[float], n: int) -> figures.Figure:
    """Every attribute of at most `n` test windows at each strength; prints how they correlate with the strength."""
    found = measure_moved(trained, attribute, strengths, n)
    windows = f"{len(found[attribute].values)} test windows"
    means = found[attribute].values.nanmean(0).tolist()
    steps = ", ".join(f"{mean:.3g} at {strength:+g}" for strength, mean in zip(strengths, means, strict=True))
    print(f"{attribute}, {ATTRIBUTES[attribute].unit}, of {windows}: {steps}")
    print("correlation with the strength: " + ", ".join(f"{name} {of.correlation:.2f}" for name, of in found.items()))
    return figures.trends(
        strengths,
        {f"{name}, r = {of.correlation:.2f}": of.mean_and_quartiles.numpy() for name, of in found.items()},
        [each.unit for each in ATTRIBUTES.values()],
        f"{trained.run.title}: the codes of {windows}, moved along the vector of {attribute}",
        "strength",
    )
