"""Which file `aectl predict` makes of which: results keep the names and folders of their inputs."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aectl.errors import UserError
from aectl.modalities import heif, picture_listing


@dataclass(frozen=True)
class Job:
    """A picture to work on, and the files that belong to it.

    Arguments:
        input: the picture.
        output: where the result goes.
        compared: where the picture and the result beside each other go, if that is asked for.
        reference: what the result should be, if there is such a file.
        mask: what of the picture is hidden, if there is such a file.
    """

    input: Path
    output: Path
    compared: Path
    reference: Path | None = None
    mask: Path | None = None


def plan_jobs(
    root: Path, files: list[Path], folder: Path, format: str | None, reference: str | None, mask: str | None = None
) -> list[Job]:
    """A job for each file below `root`; a UserError if a result would replace an input or another result."""
    references, masks = reference_paths(root, files, reference), mask_paths(root, files, mask)
    stems = Counter((folder / file.relative_to(root)).with_suffix("") for file in files)
    jobs: dict[Path, Job] = {}
    for file in files:
        path = with_ending(folder / file.relative_to(root), file, format)
        if path.resolve() == file.resolve():
            raise UserError(f"output={folder}: would overwrite the input {file}; give another folder")
        if not path.parent.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"output={folder}: {path.parent} leads out of it; remove the link")
        if path in jobs:
            raise UserError(f"format={format}: {jobs[path].input} and {file} would both become {path}; rename one")
        name = path.stem if stems[path.with_suffix("")] == 1 else path.name
        compared = path.with_name(f"{name}-compared.png")
        jobs[path] = Job(file, path, compared, references.get(file), masks.get(file))
    return list(jobs.values())


def with_ending(path: Path, file: Path, format: str | None) -> Path:
    """The path of a result: the ending of its input where that can be written, else that of the content, or .png."""
    ending = path.suffix.lower()
    if format or ending in heif.SUFFIXES:
        return path.with_suffix(f".{format or 'png'}")
    if ending in picture_listing.SUFFIXES:
        return path
    found = picture_listing.sniff(file)
    return path.with_name(path.name + (found if found in picture_listing.SUFFIXES else ".png"))


def reference_paths(root: Path, files: list[Path], reference: str | None) -> dict[Path, Path]:
    """For each file the picture that its result should be: the one given, or the one of the same name in a folder."""
    if reference is None:
        return {}
    path = Path(reference).expanduser()
    if path.is_file() and len(files) == 1:
        return {files[0]: path}
    if not path.is_dir():
        raise UserError(f"reference={reference}: expected a folder with the names of the input, or a file for one file")
    return {file: path / file.relative_to(root) for file in files if (path / file.relative_to(root)).is_file()}


def mask_paths(root: Path, files: list[Path], mask: str | None) -> dict[Path, Path]:
    """For each file its mask: the one given for all, or the one of the same name, with any ending, in a folder."""
    if mask is None:
        return {}
    path = Path(mask).expanduser()
    if path.is_file():
        return dict.fromkeys(files, path)
    if not path.is_dir():
        raise UserError(
            f"mask={mask}: no such file or folder; expected a picture that is white where pixels are hidden"
        )
    found = {Path(each.name).with_suffix(""): path / each.name for each in picture_listing.list_images(path).files}
    masks = {file: each for file in files if (each := found.get(file.relative_to(root).with_suffix("")))}
    if missing := [file for file in files if file not in masks]:
        raise UserError(
            f"mask={mask}: has no mask for {len(missing)} of {len(files)} pictures, such as {missing[0]}; "
            "expected one of the same name for each, white where pixels are hidden"
        )
    return masks
