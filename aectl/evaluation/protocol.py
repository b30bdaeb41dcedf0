"""What an evaluation measures and how, to repeat it."""

import platform
from importlib.metadata import version
from typing import Any

from aectl import __version__
from aectl.config import to_plain
from aectl.data.loader import Batches
from aectl.data.source import SplitName
from aectl.evaluation.cache import fingerprint
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens

LIBRARIES = ("numpy", "pillow", "scikit-image", "scikit-learn", "torch")
VAL_IMAGES = 200  # validation examples that a filter's setting is chosen on
CONVENTIONS = {
    "range": "images in [0, 1], outputs cut to it",
    "psnr": "mean over the images of 10 log10(1 / MSE), in dB",
    "psnr_hidden": "the same over the pixels that the input hides",
    "ssim": "mean over the images, Gaussian window 11x11, sigma 1.5, where the whole window lies on the image",
    "ms_ssim": "mean over the images of at least 176 pixels a side, five scales, the same window",
    "interval": "95 %, Student's t over the images",
    "terms": "mean nats per example, one draw of the latent",
    "settings": f"of filters: the highest PSNR on {VAL_IMAGES} validation images, never on the test split",
}


def describe_protocol(
    trained: TrainedRun, fitted_on: str, split: SplitName, batches: Batches, slow_images: int
) -> dict[str, Any]:
    run, n, examples = trained.run, len(batches.split.x), trained.modality.name
    left_out = () if examples == "images" else ("ssim", "ms_ssim")
    left_out = (*left_out, *(() if run.task.takes_mask else ("psnr_hidden",)))
    if isinstance(trained.modality, Tokens):
        left_out = (*left_out, "range", "psnr", "settings")
    return {
        "split": split,
        "n": n,
        "seed": trained.seed,
        "batch_size": batches.batch_size,
        "examples": fingerprint(batches.split.x.numpy()),
        "corruption": to_plain(run.cfg.task),
        "binarize": run.data.binarize,
        "baselines_fitted_on": fitted_on,
        "slow_baselines_run_on": min(slow_images, n),
        **{name: text.replace("images", examples) for name, text in CONVENTIONS.items() if name not in left_out},
    }


def library_versions() -> dict[str, str]:
    ours = {"aectl": __version__, "python": platform.python_version()}
    return {**ours, **{library: version(library) for library in LIBRARIES}}
