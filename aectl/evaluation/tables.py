"""The tables of `aectl eval`: in colours in a terminal, plain text elsewhere."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from aectl.evaluation.compare import Row
from aectl.evaluation.embeddings import Embeddings
from aectl.evaluation.likelihood import LogLikelihood
from aectl.evaluation.measure import Measured
from aectl.evaluation.samples import SampleScores
from aectl.evaluation.scores import Mean, Scores, mean_of

HEADS = {"psnr": "PSNR, dB", "ssim": "SSIM", "mse": "MSE", "ms_ssim": "MS-SSIM"}
DIGITS = {"psnr": 2, "ssim": 3, "mse": 4, "ms_ssim": 3}
COLOURS = {"beats": "green", "ties": "yellow", "loses": "red"}
PLAIN_WIDTH = 160


def console() -> Console:
    """Where tables go; a pipe gets lines that do not wrap early."""
    shown = Console(highlight=False)
    if not shown.is_terminal:
        shown.width = PLAIN_WIDTH
    return shown


def table(*heads: str) -> Table:
    """An empty table, numbers to the right of the first column."""
    made = Table(box=box.SIMPLE_HEAD if console().is_terminal else box.ASCII, pad_edge=False)
    for index, head in enumerate(heads):
        made.add_column(head, justify="right" if index and head != "setting" else "left", overflow="fold")
    return made


def around(value: Mean, digits: int) -> str:
    """The mean and the half width of its interval."""
    return f"{value.mean:.{digits}f} ±{value.half_width:.{digits}f}"


def comparison(model: str, measured: Measured, rows: list[Row], best: Row | None) -> Table:
    """The model, and each baseline with the model's lead over it."""
    metrics = [name for name in HEADS if name in measured.scores]
    made = table("", *(HEADS[name] for name in metrics), "the model leads by, dB", "images", "setting")
    made.add_row(model, *cells(measured.scores, metrics), "", f"{measured.n:,}", "", style="bold", end_section=True)
    for row in rows:
        lead = row.lead_of(measured.scores)
        name = f"{row.baseline.name} (best baseline)" if row is best else row.baseline.name
        if row.scores is None or lead is None:
            made.add_row(name, *["-"] * (len(metrics) + 2), f"cannot be had: {row.error}", style="dim")
            continue
        led = f"{lead.mean:+.2f} ±{lead.half_width:.2f}"
        made.add_row(name, *cells(row.scores, metrics), led, f"{row.n:,}", row.setting)
    return made


def cells(scores: Scores, metrics: list[str]) -> list[str]:
    """The mean of each metric, in words."""
    return [around(mean_of(scores[name]), DIGITS[name]) for name in metrics]


def embeddings(found: Embeddings) -> Table:
    """Accuracy of each classifier on each kind of features."""
    made = table("features", "k nearest neighbours", "linear probe")
    for name, accuracy in found.accuracy.items():
        made.add_row(name, *(around(accuracy[kind], 3) for kind in ("knn", "probe")))
    return made


def likelihood(found: LogLikelihood) -> Table:
    """Each quantity in nats and, where it is used, in bits."""
    made = table("per image", "nats", "bits")
    made.add_row("ELBO", around(found.elbo, 2), "")
    made.add_row("reconstruction, -nll", around(found.nll.negative(), 2), "")
    made.add_row("KL from the prior", around(found.kl, 2), f"{found.kl_bits:.2f}")
    made.add_row(f"log p(x), {found.samples} importance samples", around(found.log_likelihood, 2), "")
    made.add_row("bits per dimension", "", around(found.bits_per_dim, 4))
    return made


def samples(scores: dict[str, SampleScores]) -> Table:
    """Samples, and beside them what real images score."""
    made = table("", *scores)
    rows: dict[str, Any] = {
        "Frechet distance": "frechet",
        "precision": "precision",
        "recall": "recall",
        "density": "density",
        "coverage": "coverage",
        "RMS distance to the nearest training image": "nearest",
        "share that nearly copies a training image": "copies",
    }
    for head, name in rows.items():
        made.add_row(head, *(f"{getattr(score, name):.3f}" for score in scores.values()))
    return made
