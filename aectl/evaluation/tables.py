"""The tables of `aectl eval`: in colours in a terminal, plain text elsewhere."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from aectl.evaluation.baseline_comparison import BaselineRow
from aectl.evaluation.embeddings import Embeddings
from aectl.evaluation.log_likelihood import LogLikelihood
from aectl.evaluation.measure import Measured
from aectl.evaluation.sample_quality import SampleScores
from aectl.evaluation.scores import MeanCI, Scores, mean_ci

HEADS = {"psnr": "PSNR, dB", "ssim": "SSIM", "mse": "MSE", "ms_ssim": "MS-SSIM"}
DIGITS = {"psnr": 2, "ssim": 3, "mse": 4, "ms_ssim": 3}
COLOURS = {"beats": "green", "ties": "yellow", "loses": "red"}
PLAIN_WIDTH = 1_000
SETTING = "setting"
VARIED = ("split", "seed", "binarize", "batch_size")


def console() -> Console:
    """Where tables go; a pipe gets lines that do not wrap."""
    shown = Console(highlight=False, markup=False, emoji=False)
    if not shown.is_terminal:
        shown.width = PLAIN_WIDTH
    return shown


def table(title: str, *heads: str) -> Table:
    """An empty table, numbers to the right of the first column; Markdown when piped."""
    made = Table(box=box.SIMPLE_HEAD if console().is_terminal else box.MARKDOWN, title=title, title_justify="left")
    for index, head in enumerate(heads):
        made.add_column(head, justify="right" if index and head != SETTING else "left", overflow="fold")
    return made


def format_ci(value: MeanCI, digits: int) -> str:
    """The mean and the half width of its interval."""
    return f"{value.mean:.{digits}f} ±{value.half_width:.{digits}f}"


def comparison(title: str, model: str, measured: Measured, rows: list[BaselineRow], best: BaselineRow | None) -> Table:
    """The model, and each baseline with the model's lead over it."""
    metrics = [name for name in HEADS if name in measured.scores]
    settings = [SETTING] if any(row.setting or row.error for row in rows) else []
    made = table(title, "", *(HEADS[name] for name in metrics), "the model leads by, dB", "images", *settings)
    made.add_row(
        model, *cells(measured.scores, metrics), "", f"{measured.n:,}", style="bold", end_section=console().is_terminal
    )
    for row in rows:
        lead = row.margin(measured.scores)
        name = f"{row.baseline.name} (best baseline)" if row is best else row.baseline.name
        if row.scores is None or lead is None:
            made.add_row(name, *["-"] * (len(metrics) + 2), f"cannot be had: {row.error}", style="dim")
            continue
        led = f"{lead.mean:+.2f} ±{lead.half_width:.2f}"
        made.add_row(name, *cells(row.scores, metrics), led, f"{row.n:,}", *([row.setting] if settings else []))
    return made


def cells(scores: Scores, metrics: list[str]) -> list[str]:
    """The mean of each metric, in words."""
    return [format_ci(mean_ci(scores[name]), DIGITS[name]) for name in metrics]


def embeddings(found: Embeddings) -> Table:
    """Accuracy of each classifier on each kind of features."""
    made = table("latents as features: accuracy", "features", "k nearest neighbours", "linear probe")
    for name, accuracy in found.accuracy.items():
        made.add_row(name, *(format_ci(accuracy[kind], 3) for kind in ("knn", "probe")))
    return made


def likelihood(found: LogLikelihood) -> Table:
    """Each quantity in nats and, where it is used, in bits."""
    made = table(f"likelihood of {found.n:,} images", "per image", "nats", "bits")
    made.add_row("ELBO", format_ci(found.elbo, 2), "")
    made.add_row("reconstruction, -nll", format_ci(found.nll.negative(), 2), "")
    made.add_row("KL from the prior", format_ci(found.kl, 2), f"{found.kl_bits:.2f}")
    made.add_row(f"log p(x), {found.samples} importance samples", format_ci(found.log_likelihood, 2), "")
    made.add_row("bits per dimension", "", format_ci(found.bits_per_dim, 4))
    return made


def samples(n: int, scores: dict[str, SampleScores]) -> Table:
    """Samples, and beside them what real images score."""
    made = table(f"samples against {n:,} held-out images", "", *scores)
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


def matrix(reports: list[dict[str, Any]]) -> Table:
    """Trained on by tested on: the PSNR of each model and of the best baseline that saw the same training images."""
    heads = tested_on(reports)
    tested = list(dict.fromkeys(heads))
    made = table("PSNR in dB: trained on, by tested on (in brackets the best baseline)", "trained on", *tested)
    rows: dict[str, dict[str, str]] = {}
    for head, report in zip(heads, reports, strict=True):
        verdict = report.get("verdict")
        beside = f" ({verdict['best_baseline']} {best_psnr(report):.2f})" if verdict else ""
        row = rows.setdefault(f"{report['trained_on']} · {report['model']} · {report['run']}", {})
        row[head] = f"{report['scores']['psnr'].mean:.2f}{beside}"
    for name, row in rows.items():
        made.add_row(name, *(row.get(head, "") for head in tested))
    return made


def tested_on(reports: list[dict[str, Any]]) -> list[str]:
    """Of each report its task and data set, and what else was varied from one evaluation to another."""
    varied = [key for key in VARIED if len({report["protocol"][key] for report in reports}) > 1]
    return [
        " · ".join([report["task"], report["dataset"], *(f"{key} {report['protocol'][key]}" for key in varied)])
        for report in reports
    ]


def best_psnr(report: dict[str, Any]) -> float:
    """The PSNR of the baseline that the verdict names."""
    return report["baselines"][report["verdict"]["best_baseline"]]["psnr"].mean
