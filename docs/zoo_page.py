"""The table and the picture of docs/zoo.md, from what `docs.zoo` measured."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aectl.inference.sampling import Sampler
from aectl.plots.figures import show_image
from docs.zoo_pythae import MIXTURE
from docs.zoo_scores import SAMPLES

Facts = dict[str, Any]
REFERENCE = "vae"
"""The model whose config is that of the protocol."""
COLUMNS = (
    *("family", "model", "parameters", "CPU, s", "PSNR, dB", "SSIM", "ELBO, nats"),
    *("Frechet, prior", "Frechet, best", "k-NN", "code", "pythae: PSNR", "Frechet"),
)
NONE = "–"
SHORT = {"gaussian": "Gaussian"}
WIDTH, HEIGHT, GAP = 8.5, 0.42, 3
"""Of the picture and of a row of it in inches; between images in pixels."""


PROTOCOL = """\
Protocol: `dataset={dataset}`, {net}, `likelihood={likelihood}` with its scale learned, {latents} latents;
{examples:,} images seen in training, `seed={seed}`, batches of {batch}, AdamW with a rate of {rate:g} that falls along
a cosine. All other keys are the defaults of each model. Seconds are those of the CPU on one thread, without the start
of the program, of a machine that did other work too. PSNR, SSIM and ELBO are means over {n:,} test images, the ELBO
from one draw each; it is of a density of pixels in [0, 1], so that it may be positive, and more is better. Frechet
distances are of {samples:,} samples from as many test images, on 64 principal components: real images have {real:.2f}.
*Best* is the best of the prior and of what `sampler=` fits to the latents: {fitted}.
*k-NN* is the accuracy of {knn}, on the codes of {train:,} training images.
*Code* is how many latents vary with the image or, of discrete codes, the perplexity of their use.
{none}: there is none."""


@dataclass
class Footnotes:
    """Numbers the footnotes of a table, equal ones alike."""

    texts: list[str] = field(default_factory=list)

    def mark(self, *texts: str) -> str:
        """Their numbers, set high; new ones are noted."""
        self.texts += [text for text in texts if text not in self.texts]
        return f"<sup>{', '.join(str(self.texts.index(text) + 1) for text in texts)}</sup>" if texts else ""

    def lines(self) -> Iterator[str]:
        yield from (f"{number}. {text}" for number, text in enumerate(self.texts, 1))


def best_sampler(facts: Facts) -> Sampler:
    """The one whose samples have the smallest Frechet distance."""
    return min(facts["frechet"], key=facts["frechet"].__getitem__)


def table(rows: dict[str, Facts], families: dict[str, str], peers: dict[str, Facts], real: float) -> str:
    """The protocol, a row for each model with its facts, and the footnotes.

    Arguments:
        rows: what was measured, by model, `REFERENCE` among them.
        families: of the models.
        peers: what was measured of pythae's, by our names.
        real: the Frechet distance of real images.
    """
    footnotes, common = Footnotes(), rows[REFERENCE]["config"]
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    family = ""
    for name, facts in rows.items():
        first, family = "" if families[name] == family else families[name], families[name]
        marks = footnotes.mark(*differences(facts["config"], common))
        shown = [first, f"`{name}`{marks}", *cells(facts, footnotes), *peer_cells(peers.get(name), footnotes)]
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join([protocol(rows[REFERENCE], real), "", *lines, "", *footnotes.lines()]).rstrip()


def cells(facts: Facts, footnotes: Footnotes) -> Iterator[str]:
    """The cells of a row after the name."""
    report, prior = facts["report"], facts.get("prior")
    drawn = prior["report"] if prior else report
    yield f"{report['parameters']:,}" + (f" + {prior['report']['parameters']:,}" if prior else "")
    yield f"{facts['cpu_seconds']:.0f}" + (
        f" + {prior['cpu_seconds']:.0f}{mark_prior(prior, footnotes)}" if prior else ""
    )
    yield f"{report['scores']['psnr']['mean']:.2f}"
    yield f"{report['scores']['ssim']['mean']:.3f}"
    yield bound(drawn, facts["config"]["model"], footnotes)
    frechet = facts["frechet"]
    yield f"{frechet['prior']:.2f}" if "prior" in frechet else NONE
    best = best_sampler(facts)
    yield f"{frechet[best]:.2f} {SHORT.get(best, best)}"
    accuracy = report["embeddings"]["accuracy"]
    yield f"{accuracy['latents']['knn']['mean']:.1%}" if accuracy else NONE
    yield usage(report)


def peer_cells(facts: Facts | None, footnotes: Footnotes) -> Iterator[str]:
    """The PSNR and the Frechet distance of pythae's model."""
    if not facts:
        yield from ("", "")
        return
    yield f"{facts['psnr']:.2f}"
    fitted = ["Drawn from a mixture that is fitted to the latents."] if facts["sampler"] == MIXTURE else []
    yield f"{facts['frechet']:.2f}{footnotes.mark(*fitted)}" if facts["sampler"] else NONE


def mark_prior(prior: Facts, footnotes: Footnotes) -> str:
    config = prior["config"]
    size = f"model.layers={config['model']['layers']} model.features={config['model']['features']}"
    return footnotes.mark(
        f"Prior samples and ELBO are those of `model=code_prior source=RUN {size}`, trained on the codes of "
        f"{config['budget']['examples']:,} images, which is told the class; the second numbers are its own."
    )


def bound(report: Facts, model: Facts, footnotes: Footnotes) -> str:
    """The ELBO, and the bound that an importance weighted model trains on."""
    elbo = report["likelihood"].get("elbo")
    if elbo is None:
        return NONE
    if "k" not in model:
        return f"{elbo['mean']:.0f}"
    tighter = footnotes.mark(f"In brackets the bound of {model['k']} importance samples, on which it is trained.")
    return f"{elbo['mean']:.0f} ({-report['terms']['loss']:.0f}){tighter}"


def usage(report: Facts) -> str:
    """How many latents vary with the image or, of codes, how many an even use of them would take."""
    if perplexity := report["terms"].get("perplexity"):
        return f"perplexity {perplexity:.0f}"
    return f"{report['embeddings']['active']} of {report['embeddings']['units']}"


def differences(config: Facts, common: Facts) -> Iterator[str]:
    """What a run has not in common with the others, from its config."""
    model, usual = config["model"], common["model"]
    if model.get("net") != usual["net"]:
        yield f"{describe_net(config)}." if model.get("net") else "It has a net of its own."
    if model.get("latent_dim", usual["latent_dim"]) != usual["latent_dim"]:
        yield f"`model.latent_dim={model['latent_dim']}`."
    if config["likelihood"] != common["likelihood"]:
        yield f"`likelihood={config['names']['likelihood']}`."
    if model == usual and config["names"]["model"] != common["names"]["model"]:
        yield f"On this data the same as `{REFERENCE}`."
    if config["names"]["model"] == "miwae":
        yield "On images without missing pixels the same as `iwae`."
    if "num_classes" in model:
        yield "Encoder and decoder are told the class."


def describe_net(config: Facts) -> str:
    """The net of a run with its keys, as they are typed."""
    keys = {"net": config["names"]["net"]}
    keys |= {f"net.{key}": value for key, value in config["model"]["net"].items() if key != "_target_"}
    return f"`{' '.join(f'{key}={value}'.replace(', ', ',') for key, value in keys.items())}`"


def protocol(facts: Facts, real: float) -> str:
    """How all rows were measured, from the facts of one of them."""
    config, report = facts["config"], facts["report"]
    names, knn = config["names"], report["embeddings"]["protocol"]
    return PROTOCOL.format(
        dataset=names["dataset"],
        likelihood=names["likelihood"],
        net=describe_net(config),
        latents=config["model"]["latent_dim"],
        examples=config["budget"]["examples"],
        seed=config["seed"],
        batch=config["data"]["batch_size"],
        rate=config["optimizer"]["lr"],
        n=report["protocol"]["n"],
        samples=SAMPLES,
        fitted=", ".join(name for name in facts["frechet"] if name != "prior"),
        real=real,
        knn=knn["knn"],
        train=knn["train"],
        none=NONE,
    )


def picture(strips: dict[str, np.ndarray]) -> Figure:
    """Two columns of rows of images, (N, C, H, W) in [0, 1] by name."""
    half = -(-len(strips) // 2)
    figure = Figure(figsize=(WIDTH, HEIGHT * half))
    grid = figure.subplots(half, 2, squeeze=False, gridspec_kw={"wspace": 0.36, "hspace": 0.08})
    places = grid.T.ravel()
    for place, (name, images) in zip(places, strips.items(), strict=False):
        framed = np.pad(images, ((0, 0), (0, 0), (0, 0), (0, GAP)), constant_values=1)
        show_image(place, np.concatenate([*framed], axis=2)[..., :-GAP])
        place.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7.5, labelpad=4)
    for place in places[len(strips) :]:
        place.axis("off")
    return figure
