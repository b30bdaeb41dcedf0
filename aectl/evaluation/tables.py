"""Prints reports: in full, or short enough for a screen. The only module of evaluation that formats."""

import math

from rich.table import Table

from aectl.evaluation.baseline_comparison import NATS, BaselineRow
from aectl.evaluation.cross_table import CrossTable
from aectl.evaluation.embeddings import Embeddings
from aectl.evaluation.log_likelihood import LogLikelihood
from aectl.evaluation.loss_terms import explain_negative, format_loss
from aectl.evaluation.music import WALK_STEPS, MusicQuality
from aectl.evaluation.report import NotApplicable, Report
from aectl.evaluation.sample_quality import SampleQuality
from aectl.evaluation.scores import MeanCI, mean_ci, mean_scores
from aectl.inference.sampling import SOURCES
from aectl.io.tables import is_terminal, make_table, print_line, print_table
from aectl.modalities import Modality

COLOURS = {"beats": "green", "ties": "yellow", "loses": "red"}
SAMPLE_ROWS = {
    "Frechet distance": "frechet",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "RMS distance to the nearest training {example}": "nearest",
    "share that nearly copies a training {example}": "copies",
}
SAMPLER_COLUMNS = ("Frechet distance", "precision", "recall", "density", "coverage")


def print_report(report: Report, full: bool = False) -> None:
    """Prints the scores with the baselines and the verdict; of each other section a line, or all of it."""
    print_table(comparison_table(report))
    print_line(format_loss(report.terms, report.loss_format, ".3f", unit=f"nats{explain_negative(report.terms)}"))
    if report.verdict:
        print_line(report.verdict.sentence, COLOURS[report.verdict.outcome])
    sections = {"latents": report.embeddings, "likelihood": report.likelihood, "samples": report.samples}
    for name, section in sections.items():
        if isinstance(section, NotApplicable):
            print_line(f"{name}: {section.note}")
        elif isinstance(section, Embeddings):
            print_embeddings(section, full)
        elif isinstance(section, LogLikelihood):
            print_likelihood(section, report.modality, full)
            print_baseline_nats(report)
        elif section:
            print_samples(section, report.modality.name, full)
    if report.music:
        print_music(report.music, report)
    own = {name: value for name, value in report.scores.items() if name not in report.columns}
    if own:
        print_line("metrics: " + ", ".join(f"{name} {format_ci(value, 4)}" for name, value in own.items()))
    if report.lesson:
        print_line(str(report.lesson))
    for name, failure in report.failed.items():
        print_line(f"{name}: failed: {failure.error}; its traceback is in the report (metrics.json)", "red")


def print_cross_table(table: CrossTable) -> None:
    title = "PSNR in dB: trained on, by tested on (in brackets the best baseline)"
    made = make_table(title, ["trained on", *table.columns])
    for name, reports in table.rows.items():
        made.add_row(name, *(psnr_cell(reports.get(column)) for column in table.columns))
    print_table(made)


def psnr_cell(report: Report | None) -> str:
    if report is None:
        return ""
    psnr = f"{report.scores['psnr'].mean:.2f}"
    if report.verdict is None:
        return psnr
    best = report.verdict.best_baseline
    return f"{psnr} ({best} {report.to_dict()['baselines'][best]['psnr']['mean']:.2f})"


def format_ci(value: MeanCI, digits: int, sign: str = "") -> str:
    return f"{value.mean:{sign}.{digits}f} ±{value.half_width:.{digits}f}"


def comparison_table(report: Report) -> Table:
    settings = ["setting"] if any(row.setting or row.error for row in report.baselines) else []
    labels = [metric.label for metric in report.columns.values()]
    ranked = report.columns[report.modality.ranked_by]
    gain = f"gain over baseline,{ranked.unit}" if ranked.unit else f"gain in {ranked.label}"
    n, heads = f"{report.protocol['n']:,}", ["", *labels, gain, report.modality.name, *settings]
    made = make_table(f"{report.task} · {report.dataset}, n = {n}, seed {report.protocol['seed']}", heads, settings)
    cells = [f"{report.model} (this run)", *score_cells(report, report.scores), "", n]
    made.add_row(*cells, style="bold", end_section=is_terminal())
    for row in report.baselines:
        made.add_row(*baseline_cells(report, row)[: len(heads)], style="dim" if row.error else None)
    return made


def baseline_cells(report: Report, row: BaselineRow) -> list[str]:
    margin = row.margin(report.example_scores)
    if row.scores is None or margin is None:
        return [row.baseline.name, *["-"] * (len(report.columns) + 2), f"not available: {row.error}"]
    best = report.verdict is not None and report.verdict.best_baseline == row.baseline.name
    name = f"{row.baseline.name} (best baseline)" if best else row.baseline.name
    digits = report.columns[row.metric].digits
    cells = score_cells(report, mean_scores(row.scores))
    return [name, *cells, format_ci(margin, digits, "+"), f"{row.n:,}", row.setting]


def score_cells(report: Report, scores: dict[str, MeanCI]) -> list[str]:
    return [format_ci(scores[name], metric.digits) for name, metric in report.columns.items()]


def print_embeddings(found: Embeddings, full: bool) -> None:
    active = found.note or f"all {found.units} latent dimensions are active"
    if full and found.accuracy:
        made = make_table("latents as features: accuracy", ["features", "k nearest neighbours", "linear probe"])
        for name, accuracy in found.accuracy.items():
            made.add_row(name, *(format_ci(accuracy[kind], 3) for kind in ("knn", "probe")))
        print_table(made)
    probes = ", ".join(f"{name} {accuracy['probe'].mean:.3f}" for name, accuracy in found.accuracy.items())
    scored = f"linear probe on {probes}; " if probes else ""
    print_line(active if full else f"latents: {scored}{active}")


def print_baseline_nats(report: Report) -> None:
    """The likelihood of the baselines that have one, in the units of the model's."""
    for row in report.baselines:
        if row.scores and NATS in row.scores:
            nats = mean_ci(row.scores[NATS])
            bits = nats.mean / math.log(2) / report.modality.num_values
            of = f"{bits:.4f} bits per {report.modality.value}, {row.n:,} {report.modality.name}"
            print_line(f"likelihood of {row.baseline.name}: log p(x) {format_ci(nats.negative(), 2)} nats, {of}")


def print_music(found: MusicQuality, report: Report) -> None:
    """What a model of music writes, a line for each kind."""
    if found.forced:
        columns = report.columns.items()
        scores = [f"{metric.label} {format_ci(found.forced[name], metric.digits)}" for name, metric in columns]
        print_line(
            f"told the true tokens before each, reconstructions have {', '.join(scores)}; the table's are its own"
        )
    for sampler, drawn in found.samples.items():
        more = f"{drawn.nats.mean / found.real_nats.mean - 1:+.0%}"
        classes = "" if drawn.pitch_overlap is None else f"pitch classes overlap {drawn.pitch_overlap:.3f}, "
        print_line(
            f"{drawn.n:,} samples of {SOURCES[sampler]} as music: n-gram cost {format_ci(drawn.nats, 1)} nats, "
            f"{more} of held-out windows' {found.real_nats.mean:.1f}; {classes}{drawn.copies:.1%} are training windows"
        )
    if walks := found.walks:
        differ = ", ".join(f"{share:.2f}" for share in walks.to_first[:: WALK_STEPS // 5])
        print_line(
            f"walks between windows: n-gram cost {walks.cost.mean():.1f} nats, of mixed ones "
            f"{walks.mixed_cost.mean():.1f}; share of tokens that differ from the first: {differ}"
        )


def print_likelihood(found: LogLikelihood, modality: Modality, full: bool) -> None:
    examples = modality.name
    if not full:
        bits = [f"{format_ci(found.bits_per_dim, 4)} bits per {modality.value}"] if found.bits_per_dim else []
        bounds = [f"log p(x) {format_ci(found.log_likelihood, 2)} nats", f"ELBO {format_ci(found.elbo, 2)}"]
        line = ", ".join([*bounds, *bits, f"{found.n:,} {examples}"])
        print_line(f"likelihood: {line}" + (f". {found.note}" if found.note else ""))
        return
    made = make_table(f"likelihood of {found.n:,} {examples}", [f"per {examples[:-1]}", "nats", "bits"])
    made.add_row("ELBO", format_ci(found.elbo, 2), "")
    if found.nll and found.kl:
        made.add_row("reconstruction, -nll", format_ci(found.nll.negative(), 2), "")
        made.add_row("KL from the prior", format_ci(found.kl, 2), f"{found.kl_bits:.2f}")
    made.add_row(f"log p(x), {found.samples} importance samples", format_ci(found.log_likelihood, 2), "")
    if found.bits_per_dim:
        made.add_row(f"bits per {modality.value}", "", format_ci(found.bits_per_dim, 4))
    print_table(made)
    if found.note:
        print_line(found.note)


def samplers_table(found: SampleQuality, examples: str) -> Table:
    """The samples of several samplers, a row each, and real examples."""
    made = make_table(
        f"samples against {found.held_out:,} held-out {examples}, n = {found.n:,}", ["drawn from", *SAMPLER_COLUMNS]
    )
    for source, scores in found.scores.items():
        name = source.removeprefix("samples of ").replace(" fitted to the training latents", "")
        made.add_row(name, *(f"{getattr(scores, SAMPLE_ROWS[head]):.3f}" for head in SAMPLER_COLUMNS))
    return made


def print_samples(found: SampleQuality, examples: str, full: bool) -> None:
    if len(found.scores) > 2:
        print_table(samplers_table(found, examples))
        print_line(found.note)
        return
    if not full:
        drawn, real = found.scores.values()
        names = {"Frechet distance": "frechet", "precision": "precision", "recall": "recall"}
        scores = [f"{head} {getattr(drawn, name):.3f} ({getattr(real, name):.3f})" for head, name in names.items()]
        print_line(f"samples: {', '.join(scores)}; in brackets real {examples}, {found.n:,} of each")
        return
    heads = [f"{name}, n = {found.n:,}" for name in found.scores]
    made = make_table(f"samples against {found.held_out:,} held-out {examples}", ["", *heads])
    for head, name in SAMPLE_ROWS.items():
        cells = (f"{getattr(each, name):.3f}" for each in found.scores.values())
        made.add_row(head.format(example=examples[:-1]), *cells)
    print_table(made)
    print_line(found.note)
