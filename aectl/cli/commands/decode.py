"""`aectl decode`: latents back to pictures."""

import math
from pathlib import Path

import torch
from omegaconf import DictConfig

from aectl.cli.open_run import run_command
from aectl.errors import UserError
from aectl.inference.trained_run import TrainedRun
from aectl.io import latent_tables
from aectl.io.progress import track
from aectl.plots import image_grid

GRID = 100
"""Pictures, at most, in the picture of all."""


def main(cfg: DictConfig) -> None:
    run_command(decode_from_file, cfg)


@torch.inference_mode()
def decode_from_file(opened: TrainedRun, latents: str | None, output: str | None, overwrite: bool) -> None:
    """Writes a PNG for each latent, under the name that came with it, and one of the first hundred together."""
    if latents is None:
        raise UserError("latents: nothing to decode; give latents=FILE, such as `aectl encode` writes")
    table = latent_tables.load(latent_tables.check_suffix(latents))
    model = opened.single_latent
    if table.codes.shape[1] != model.latent_size:
        raise UserError(
            f"latents={latents}: {table.codes.shape[1]} numbers a code, but this model has {model.latent_size}; "
            "expected latents of this run"
        )
    folder = Path(output).expanduser() if output else opened.run.place("decoded")
    places = [folder / f"{Path(name).with_suffix('')}.png" for name in table.names]
    if any(not place.resolve().is_relative_to(folder.resolve()) for place in places) or len(set(places)) < len(places):
        raise UserError(f"latents={latents}: its names lead out of the output folder, or are not all different")
    if not overwrite and (there := next((place for place in places if place.exists()), None)):
        raise UserError(f"output={folder}: {there} is there already; overwrite=true writes it again")
    images = torch.cat(
        [model.decode_mean(part.to(opened.device)).cpu() for part in torch.from_numpy(table.codes).float().split(GRID)]
    )
    images = opened.run.modality.to_uint8(images)
    for image, place in zip(track(images, "decode"), places, strict=True):
        image_grid.save_png(image, place)
    grid = image_grid.tile_images(images[:GRID], columns=math.ceil(math.sqrt(min(GRID, len(images)))))
    print(f"wrote {len(images)} pictures to {folder}/\n      {image_grid.save_png(grid, folder / 'all.png', zoom=2)}")
