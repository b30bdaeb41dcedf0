"""`aectl export`: a run as files that work without aectl."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from aectl.cli.open_run import run_command
from aectl.errors import UserError
from aectl.inference.export import SUFFIXES, Format, Part, export, exportable_parts, load
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_json
from aectl.types import format_shape

EXAMPLES = 16
LARGEST_DIFFERENCE = 1e-4


def main(cfg: DictConfig) -> None:
    run_command(export_run, cfg)


@torch.no_grad()
def export_run(opened: TrainedRun, format: Format, output: str | None) -> None:
    """Writes encoder, decoder and the whole, runs each file on test images, and refuses one that differs."""
    run = opened.run
    split = run.data.split("test")
    images = opened.make_example({"x": split.x[:EXAMPLES]}).input.cpu()
    folder = Path(output).expanduser() if output else run.place("export")
    opened.model.cpu()
    described = {}
    for name, part in exportable_parts(opened.model, images).items():
        path = export(part, format, run.config_text, folder / f"{name}{SUFFIXES[format]}")
        try:
            difference = largest_difference(part, load(format, path)(part.example))
        except Exception:
            path.unlink()
            raise
        if not difference <= LARGEST_DIFFERENCE:
            path.unlink()
            raise UserError(
                f"format={format}: {name} differs from the checkpoint by {difference:.1e} on test images; "
                f"expected at most {LARGEST_DIFFERENCE:.0e}, so it was not kept; try another format"
            )
        print(
            f"wrote {path}: {' to '.join(part.names)}, largest difference {difference:.1e} on {len(images)} test images"
        )
        described[name] = description(part, opened.model.stride)
    print(f"      {write_json(folder / 'description.json', {'run': run.title, 'format': format, 'files': described})}")


def largest_difference(part: Part, found: torch.Tensor) -> float:
    """How far an exported file is from the module that it was made of."""
    return float((found - part.module(part.example)).abs().max())


def description(part: Part, stride: int) -> dict[str, str]:
    """What a user of the file has to know."""
    sides = format_shape(tuple(part.example.shape[1:]))
    free = f"; height and width may be any multiples of {stride}" if part.any_size else ""
    images = "float32 images (batch, channels, height, width) in [0, 1], which is uint8 / 255"
    return {
        part.names[0]: f"batch x {sides}{free}" + (f": {images}" if part.names[0] == "input" else ": float32 latents"),
        part.names[1]: "float32 latents" if part.names[1] == "latent" else f"{images}, cut to the range",
    }
