"""Trains every model that draws examples, by one protocol, and writes the table and the picture of docs/zoo.md.

`make zoo` runs it; `python -m docs.zoo vae aae` measures only these models, `python -m docs.zoo pythae` pythae's.
What was measured before is kept; remove its file in outputs/results/zoo/ to measure it again.
"""

import inspect
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml

import aectl
from aectl.cli.main import main as run_aectl
from aectl.cli.model_catalogue import ModelEntry, list_models
from aectl.config import CONFIGS, locate
from aectl.inference.sampling import SOURCES, Sampler
from aectl.io.atomic import write_json
from aectl.io.npz import load_npz, save_npz
from aectl.plots import figures
from docs import zoo_page, zoo_pythae, zoo_scores
from docs.tables import PAGES, RESULTS, write_table

FOLDER = RESULTS / "zoo"
PRIOR = "code_prior"
OF_TOKENS = ("music_vae",)  # models that take no images
COMMON = ["dataset=fashion_mnist", "task=reconstruct", "seed=0", "trainer.threads=1", "trainer.accelerator=cpu"]
NET = ["net=mlp"]
NET_OF_CODES = ["net.channels=[16,32]", "net.hidden=16"]
"""Makes the net of models with a grid of codes, of which a dense net has a single one, as small as the common net."""
EXAMPLES, EXAMPLES_OF_PRIOR = 220_000, 55_000
SMALL_PRIOR = ["model.features=64", "model.layers=2"]
SHOWN = 8
FITTED: tuple[Sampler, ...] = tuple(sampler for sampler in SOURCES if sampler not in ("prior", "standard"))
"""The samplers that are fitted to the training latents."""
SCORES = {"baselines": False, "pictures": 1, "importance_samples": 1, "likelihood_images": 10_000, "samples": 0}

Facts = dict[str, Any]


def list_drawing_models() -> list[ModelEntry]:
    """The models of the catalogue that `aectl sample` draws from, by family, without priors for the codes of others."""
    return [entry for entry in list_models() if entry.name not in OF_TOKENS and draws(locate(entry.target))]


def draws(model: Any) -> bool:
    """Whether a class has a prior, or a latent that a density can be fitted to, and needs no other run."""
    drawn = model.generative or hasattr(model, "decode_mean")
    return drawn and "autoencoder" not in inspect.signature(model).parameters


def has_codes(entry: ModelEntry) -> bool:
    return hasattr(locate(entry.target), "decode_codes")


def has_own_net(name: str) -> bool:
    """Whether the config of a model, or the one that it starts from, chooses a net."""
    bases = yaml.safe_load((CONFIGS / "model" / f"{name}.yaml").read_text()).get("defaults", [])
    return any("/net@" in "".join(base) if isinstance(base, dict) else has_own_net(base) for base in bases)


def read_facts(name: str) -> Facts:
    """What was measured of a model so far."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write_facts(name: str, facts: Facts) -> None:
    write_json(FOLDER / f"{name}.json", facts)


def measure(entry: ModelEntry) -> None:
    """Trains and evaluates a model, as far as that was not done before, and keeps what was found."""
    name, codes, facts = entry.name, has_codes(entry), read_facts(entry.name)
    run, prior = FOLDER / name, FOLDER / f"{name}-{PRIOR}"
    if "report" not in facts:
        net = NET_OF_CODES if codes else [] if has_own_net(name) else NET
        facts = train(run, f"model={name}", *COMMON, *net, f"budget.examples={EXAMPLES}")
        write_facts(name, facts)
    if codes and "prior" not in facts:
        size = [f"budget.examples={EXAMPLES_OF_PRIOR}", *SMALL_PRIOR]
        facts["prior"] = train(prior, f"model={PRIOR}", f"source={run}", "seed=0", "trainer.threads=1", *size)
        write_facts(name, facts)
    frechet = facts.setdefault("frechet", {})
    if missing := [sampler for sampler in list_samplers(entry) if sampler not in frechet]:
        trained = aectl.open(str(prior if codes else run), accelerator="cpu")
        frechet |= {sampler: zoo_scores.frechet_distance(zoo_scores.draw(trained, sampler)) for sampler in missing}
        shown = "prior" if "prior" in frechet else zoo_page.best_sampler(facts)
        write_facts(name, facts)
        save_npz(FOLDER / f"{name}-samples.npz", {"images": zoo_scores.draw(trained, shown, SHOWN).numpy()})


def list_samplers(entry: ModelEntry) -> list[Sampler]:
    """What draws from a model: its prior, and densities that can be fitted to its latents, unless these are codes."""
    if has_codes(entry):
        return ["prior"]
    return [*(["prior"] if locate(entry.target).generative else []), *FITTED]


def train(run: Path, *choice: str) -> Facts:
    """Trains a run anew and evaluates it; its config, the seconds of the CPU that it took, and the report."""
    shutil.rmtree(run, ignore_errors=True)  # or the new run would get another name
    before = time.process_time()
    run_aectl(["train", *choice, f"hydra.run.dir={run}", "tracker=none"])
    seconds = round(time.process_time() - before, 1)
    report = aectl.open(str(run), accelerator="cpu").evaluate(**SCORES).to_dict()
    return {"cpu_seconds": seconds, "config": yaml.safe_load((run / "config.yaml").read_text()), "report": report}


def measure_pythae(names: list[str]) -> None:
    """Trains the models that pythae has too, of those that were measured, unless that was done before."""
    for name in names or zoo_pythae.PEERS:
        path = FOLDER / f"pythae-{name}.json"
        if name in zoo_pythae.PEERS and "report" in (facts := read_facts(name)) and not path.exists():
            write_json(path, zoo_pythae.measure(zoo_pythae.PEERS[name], facts["config"]))
            print(f"measured {name} of pythae", flush=True)


def write_page() -> None:
    """Writes the table and the picture of all models that were measured."""
    entries = [entry for entry in list_drawing_models() if "frechet" in read_facts(entry.name)]
    rows = {entry.name: read_facts(entry.name) for entry in entries}
    peers = {name: facts for name in rows if (facts := read_facts(f"pythae-{name}"))}
    real = zoo_scores.frechet_distance(zoo_scores.load_images("val")[: zoo_scores.SAMPLES])
    write_table("zoo", zoo_page.table(rows, {entry.name: entry.family for entry in entries}, peers, real))
    strips = {label(name, rows[name]): load_npz(FOLDER / f"{name}-samples.npz")["images"] for name in rows}
    shown = {"test images": zoo_scores.first_of_each_class(SHOWN), **strips}
    figures.save_figure(zoo_page.picture(shown), PAGES / "images" / "zoo.png")


def label(name: str, facts: Facts) -> str:
    """The name of a model in the picture, with the sampler if that is not its prior."""
    return name if "prior" in facts["frechet"] else f"{name}, {zoo_page.best_sampler(facts)}"


def check_names(chosen: list[str]) -> None:
    names = [entry.name for entry in list_drawing_models()]
    if unknown := [name for name in chosen if name not in names]:
        sys.exit(f"docs.zoo: {unknown[0]}: expected pythae, or some of {', '.join(names)}")


def main(chosen: list[str]) -> None:
    torch.set_num_threads(1)
    if chosen[:1] == ["pythae"]:
        measure_pythae(chosen[1:])
    else:
        check_names(chosen)
        for entry in list_drawing_models():
            if not chosen or entry.name in chosen:
                measure(entry)
                print(f"measured {entry.name}", flush=True)
    write_page()


if __name__ == "__main__":
    main(sys.argv[1:])
