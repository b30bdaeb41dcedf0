"""`aectl export`: a run as files that work without aectl."""

from aectl.cli.open_run import output_folder, print_written, run_command
from aectl.inference.export import Format, Part, export_parts
from aectl.inference.trained_run import TrainedRun
from aectl.io.atomic import write_json
from aectl.modalities import Images, Tokens
from aectl.types import format_shape

AXES = {1: "values", 3: "channels, height, width"}


@run_command
def main(trained: TrainedRun, format: Format, output: str | None) -> None:
    """Writes encoder, decoder and the whole model, and a description of their inputs and outputs."""
    folder = output_folder(trained.run, output, "export")
    files = {}
    for path, part, difference in export_parts(trained, format, folder):
        names, n = f"{' and '.join(part.inputs)} to {part.output}", len(next(iter(part.inputs.values())))
        print_written(f"{path}: {names}, largest difference {difference:.1e} on {n} test examples")
        files[path.stem] = describe(part, trained)
    description = {"run": trained.run.title, "format": format, "files": files}
    print(f"      {write_json(folder / 'description.json', description)}")


def describe(part: Part, trained: TrainedRun) -> dict[str, str]:
    model, modality = trained.model, trained.modality
    uint8 = ", which is uint8 / 255" if isinstance(modality, Images) else ""
    axes = "1, steps, tokens of all tracks" if isinstance(modality, Tokens) else AXES[len(modality.shape)]
    kinds = {
        "data": f"float32 {modality.name} (batch, {axes}) in [0, 1]{uint8}",
        "latent": "float32 latents",
        "label": "int64 classes",
    }
    free = f"; height and width may be any multiples of {model.stride}" if part.any_size else ""
    described = {}
    for name, example in part.inputs.items():
        sizes = " x ".join(["batch", *([format_shape(tuple(example.shape[1:]))] if example.ndim > 1 else [])])
        described[name] = f"{sizes}{free if name == 'input' else ''}: {kinds.get(name, kinds['data'])}"
    described[part.output] = kinds["latent"] if part.output == "latent" else f"{kinds['data']}, clipped to the range"
    return described
