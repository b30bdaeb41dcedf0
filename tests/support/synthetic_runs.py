"""Folders that look like runs, written without training anything."""

import json
from pathlib import Path
from typing import Any

import yaml

CONFIG: dict[str, Any] = {
    "seed": 0,
    "monitor": "val/loss",
    "mode": None,
    "outputs": "outputs",
    "data": {"_target_": "aectl.data.loader.Data", "batch_size": 32, "binarize": "none"},
    "net": {"_target_": "aectl.models.nets.mlp.MLP", "hidden": [16]},
    "likelihood": {"_target_": "aectl.models.probability.likelihoods.Gaussian", "scale": 0.1, "learn_scale": True},
    "optimizer": {"_target_": "aectl.training.optimizers.AdamW", "lr": 0.004},
    "dataset": {"_target_": "aectl.data.digits.Digits", "size": 8},
    "task": {"_target_": "aectl.tasks.reconstruct.Reconstruct"},
    "model": {"_target_": "aectl.models.vae.VAE", "shape": [1, 8, 8], "latent_dim": 16, "beta": 1.0},
    "names": {"model": "vae", "task": "reconstruct", "dataset": "digits", "likelihood": "gaussian", "net": "mlp"},
}
VAE = {"val/loss": -20.0, "val/nll": -30.0, "val/kl": 10.0, "val/psnr": 17.0, "val/ssim": 0.9}
AE = {"model._target_": "aectl.models.ae.AE", "names.model": "ae", "model.beta": ...}
"""Changes that make an AE of the config; `...` removes a key."""


def write_run(
    folder: Path,
    changes: dict[str, Any] | None = None,
    metrics: dict[str, float] | None = None,
    typed: dict[str, Any] | None = None,
    **summary: Any,
) -> Path:
    """A run with these changes of its config, `{"model.beta": 4}`, and these metrics of a second, better epoch."""
    config = json.loads(json.dumps(CONFIG))
    for key, value in {**(changes or {}), **(typed or {})}.items():
        *groups, leaf = key.split(".")
        node = config
        for group in groups:
            node = node.setdefault(group, {})
        if value is ...:
            node.pop(leaf, None)
        else:
            node[leaf] = value
    config["model"] |= {"net": config["net"], "likelihood": config["likelihood"]}
    found = VAE if metrics is None else metrics
    (folder / ".hydra").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False))
    if typed is not None:
        overrides = [f"{key.removeprefix('names.')}={value}" for key, value in typed.items()]
        (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    rows = [{name: value + 1 for name, value in found.items()}, found]
    lines = [",".join(["epoch", *found]), *(",".join(map(str, [i, *row.values()])) for i, row in enumerate(rows))]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    content = {"status": "done", "monitor": "val/loss", "mode": "min", "epochs": 2, "seconds": 1.5, "parameters": 1000}
    (folder / "summary.json").write_text(json.dumps(content | summary))
    return folder
