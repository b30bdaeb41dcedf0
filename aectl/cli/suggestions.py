"""What a user means by a word that is not there: near misses, and what other programs call it. Imports no torch."""

from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from aectl.config import CONFIGS, GROUPS, closest, options

VERBS = {
    **dict.fromkeys(("fit", "run", "learn"), "train"),
    **dict.fromkeys(("resume", "continue"), "train resume=latest"),
    **dict.fromkeys(("evaluate", "test", "validate", "score"), "eval"),
    **dict.fromkeys(("generate", "draw", "interpolate", "traverse"), "sample"),
    **dict.fromkeys(("restore", "infer", "inference", "apply", "enhance"), "predict"),
    **dict.fromkeys(("plot", "latent", "visualize", "visualise", "scatter"), "plot-latent"),
    **dict.fromkeys(("superres", "super_resolution", "upscale", "enlarge"), "train task=super-res"),
    **dict.fromkeys(("fill", "inpainting", "erase"), "train task=inpaint"),
    **dict.fromkeys(("sharpen", "unblur"), "train task=deblur"),
    **dict.fromkeys(("colour", "color", "colourise", "colorise"), "train task=colorize"),
    **dict.fromkeys(("table", "leaderboard", "report", "diff"), "compare"),
    **dict.fromkeys(("ls", "list"), "runs"),
    **dict.fromkeys(("show", "info"), "runs show"),
    **dict.fromkeys(("rm", "remove", "delete", "prune", "clean"), "runs clean"),
    **dict.fromkeys(("pack", "archive"), "runs archive"),
    "sweep": "train -m",
    "embed": "encode",
}
"""Other names of verbs, and words that are tasks."""

KEYS = {
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs"), "trainer.max_epochs"),
    **dict.fromkeys(("time", "minutes"), "trainer.max_time"),
    **dict.fromkeys(("learning_rate", "lr"), "optimizer.lr"),
    **dict.fromkeys(("wd", "decay"), "optimizer.weight_decay"),
    **dict.fromkeys(("batch", "bs"), "data.batch_size"),
    **dict.fromkeys(("noise", "noise_level", "noise_std", "std", "noise_factor", "sigma"), "task.sigma"),
    **dict.fromkeys(("latent", "latent_size", "latent_dims", "z_dim", "zdim", "z", "code_size"), "model.latent_dim"),
    **dict.fromkeys(("kl_weight", "kld_weight"), "model.beta"),
    **dict.fromkeys(("upscale", "factor", "scale_factor"), "task.scale"),
    **dict.fromkeys(("device", "cuda"), "trainer.accelerator"),
    **dict.fromkeys(("clip", "grad_clip"), "trainer.gradient_clip_val"),
    **dict.fromkeys(("data", "dataset_name"), "dataset"),
    **dict.fromkeys(("arch", "architecture", "network"), "net"),
    **dict.fromkeys(("input", "root", "path", "folder", "data_dir"), "dataset.root"),
    "optim": "optimizer",
    "scheduler": "schedule",
    "logger": "tracker",
    "workers": "trainer.threads",
    "scale": "task.scale",
    "patience": "callbacks=early_stopping callbacks.early_stopping.patience",
}
"""Other names of keys of `aectl train`."""

INPUT = ("input", "latents")
KEYS_OF_RUNS = {
    **dict.fromkeys((*INPUT, "image", "images", "pictures", "file", "files", "root", "path", "folder", "codes"), INPUT),
    **dict.fromkeys(("out", "outfile", "output_dir", "output_folder", "save_dir", "destination"), ("output",)),
}
"""Other names of keys of the commands on a run, which have the first of these that they know."""

PAIRS = {
    **dict.fromkeys(("loss=mse", "loss=l2", "likelihood=mse", "likelihood=l2"), "likelihood=gaussian"),
    **dict.fromkeys(("loss=bce", "likelihood=bce"), "likelihood=bernoulli"),
    **dict.fromkeys(("loss=l1", "loss=mae", "likelihood=l1", "likelihood=mae"), "likelihood=laplace"),
    **dict.fromkeys(("model=autoencoder", "model=dae", "model=plain"), "model=ae"),
    **dict.fromkeys(("model=variational", "model=variational_autoencoder"), "model=vae"),
    **dict.fromkeys(("model=conv", "model=cnn", "net=cnn"), "net=conv"),
    **dict.fromkeys(("model=mlp", "model=dense", "net=dense", "net=linear"), "net=mlp"),
    **dict.fromkeys(("net=resnet", "model=resnet"), "net=residual"),
    **dict.fromkeys(("task=sr", "task=super_resolution", "task=upscale", "task=enlarge"), "task=super-res"),
    **dict.fromkeys(("task=colour", "task=color", "task=colourise", "task=colourize"), "task=colorize"),
    **dict.fromkeys(("task=jpeg", "task=dejpeg", "task=artifacts"), "task=deblock"),
    **dict.fromkeys(("task=fill", "task=mask", "task=missing"), "task=inpaint"),
    **dict.fromkeys(("task=sharpen", "task=unblur"), "task=deblur"),
    **dict.fromkeys(("task=none", "task=identity", "task=autoencode"), "task=reconstruct"),
    **dict.fromkeys(("gpu=1", "gpus=1", "gpu=true", "gpu=0", "cuda=true"), "trainer.accelerator=gpu"),
    **dict.fromkeys(("dataset=fashion", "dataset=fmnist"), "dataset=fashion_mnist"),
    **dict.fromkeys(("dataset=images", "dataset=imagefolder"), "dataset=folder"),
}
"""Other names of choices, and keys whose values have other names too."""


def meant_verb(word: str, verbs: Iterable[str]) -> str:
    """The verb, or the beginning of the command, that a word means; empty if nothing is close."""
    plain = word.lower().replace("-", "_")
    tasks = {task.replace("-", "_"): f"train task={task}" for task in options("task")}
    known = VERBS | tasks
    return known.get(plain) or closest(word, verbs) or known.get(closest(plain, known), "")


def meant_choice(group: str, choice: str, choices: list[str]) -> str:
    """The choice that is meant, `likelihood=gaussian`, or its name where it is of the same group; empty if none is."""
    other = PAIRS.get(f"{group}={choice}".lower(), "")
    return other.removeprefix(f"{group}=") or closest(choice.lower().replace("-", "_"), choices)


def meant_override(given: str, known: Iterable[str]) -> str:
    """The override that is meant by one whose key is unknown: `model.beta=4` by `beta=4`; empty if nothing is close.

    Arguments:
        given: KEY=VALUE.
        known: the keys of the config.
    """
    key, equals, value = given.partition("=")
    key = key.lower()
    leaf = key.rpartition(".")[2]
    keys = [each for each in known if "_target_" not in each and not each.startswith("recipe.")]
    if pair := PAIRS.get(f"{key}{equals}{value}".lower()):
        return pair
    of_runs = next((each for each in KEYS_OF_RUNS.get(key, ()) if each in keys), "")
    others = (each for each in [*keys, *keys_of_choices()] if each != key)
    with_leaf = [each for each in others if each.rpartition(".")[2] == leaf]
    found = of_runs or KEYS.get(key) or next(iter(with_leaf), "") or KEYS.get(leaf)
    found = found or closest(key, [*GROUPS * ("." not in key), *keys]) or close_leaf(leaf, keys)
    meant = f"{found}{equals}{value}" if found else ""
    return "" if meant == given else meant


def close_leaf(leaf: str, keys: list[str]) -> str:
    leaves = {each.rpartition(".")[2]: each for each in reversed(keys)}
    return leaves.get(closest(leaf, leaves), "")


def keys_of_choices() -> Iterator[str]:
    """The keys in the file of each choice of each group: `model.beta`, `task.sigma`."""
    for group in GROUPS:
        for name in options(group):
            if "/" not in name and group not in ("architecture", "degradation", "experiment", "recipe"):
                yield from (f"{group}.{key}" for key in keys_in(group, name))


def keys_in(group: str, name: str) -> set[str]:
    """The keys in the file of a choice, without those that it inherits."""
    content: dict[str, Any] = yaml.safe_load((CONFIGS / group / f"{name}.yaml").read_text()) or {}
    return set(content.get(group, content))
