"""The figure of `aectl eval`: the best, median and worst examples, as a PNG and in TensorBoard."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aectl.plots import figures
from tests.conftest import Aectl, report_of

COMPARED = ("embeddings=false", "samples=0", "importance_samples=0")
SHOWN = ("baselines=false", *COMPARED)


class Drawn(NamedTuple):
    """The arguments of a figure."""

    named: dict[str, np.ndarray]
    title: str
    heads: Sequence[str]
    errors: dict[str, np.ndarray]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    """The arguments of every figure of rows that is drawn."""
    seen: list[Drawn] = []
    rows = figures.image_rows

    def watched(
        named: dict[str, np.ndarray], title: str, heads: Sequence[str] = (), errors: dict[str, np.ndarray] | None = None
    ) -> figures.Figure:
        seen.append(Drawn(named, title, heads, errors or {}))
        return rows(named, title, heads, errors)

    monkeypatch.setattr(figures, "image_rows", watched)
    return seen


def psnr(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    return -10 * np.log10(np.square(output.clip(0, 1) - target).mean(axis=(1, 2, 3)))


class TestRows:
    def test_rows_are_input_target_output_and_best_baseline(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["vae"], *COMPARED)
        (figure,) = drawn
        best = report_of(runs["vae"])["verdict"]["best_baseline"]
        assert list(figure.named) == ["input", "target", "output", best]
        assert list(figure.errors) == ["error", f"error, {best}"]
        assert figure.title == "vae · denoise · digits: PSNR and its gain over the input"
        assert {images.shape for images in figure.named.values()} == {(12, 1, 8, 8)}

    def test_a_reconstruction_has_no_row_for_its_input(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["ae"], *COMPARED)
        best = report_of(runs["ae"])["verdict"]["best_baseline"]
        aectl("eval", runs["ae"], *SHOWN)
        assert [list(figure.named) for figure in drawn] == [["target", "output", best], ["target", "output"]]
        assert [list(figure.errors) for figure in drawn] == [["error", f"error, {best}"], ["error"]]
        assert drawn[0].title == "ae · reconstruct · digits: PSNR and its gain over a flat image"

    def test_a_small_input_is_drawn_at_its_size(self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]) -> None:
        aectl("eval", runs["grid"], *SHOWN)
        assert drawn[0].named["input"].shape == (12, 1, 4, 4)
        assert drawn[0].named["output"].shape == drawn[0].named["target"].shape == (12, 1, 8, 8)


class TestExamples:
    @pytest.mark.parametrize("batch_size", [50, 250])
    def test_each_head_is_the_score_of_the_output_below(
        self, batch_size: int, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["vae"], f"batch_size={batch_size}", *SHOWN)
        (figure,) = drawn
        scores, before = (psnr(figure.named[name], figure.named["target"]) for name in ("output", "input"))
        kinds = [kind for kind in ("best", "median", "worst") for _ in range(4)]
        gains = list(scores - before)
        assert list(figure.heads) == [
            f"{kind}\n{score:.1f} dB\n{gain:+.1f} dB" for kind, score, gain in zip(kinds, scores, gains, strict=True)
        ]
        assert gains == sorted(gains, reverse=True)

    def test_a_reconstruction_is_ranked_by_the_gain_over_a_flat_image(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["ae"], *SHOWN)
        target, output = drawn[0].named["target"], drawn[0].named["output"]
        gains = list(
            psnr(output, target) - psnr(np.broadcast_to(target.mean((2, 3), keepdims=True), target.shape), target)
        )
        assert gains == sorted(gains, reverse=True)
        assert [head.split("\n")[2] for head in drawn[0].heads] == [f"{gain:+.1f} dB" for gain in gains]

    def test_a_run_on_other_data_or_another_task_says_what_it_was_trained_on(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["ae"], "dataset=digits_28", "++dataset.size=8", "task=denoise", *SHOWN)
        assert drawn[0].title.startswith("ae · denoise · digits_28, trained on digits, trained for reconstruct: ")

    def test_error_maps_are_absolute_errors(self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]) -> None:
        aectl("eval", runs["vae"], *COMPARED)
        (figure,) = drawn
        outputs = [images for name, images in figure.named.items() if name not in ("input", "target")]
        for images, off in zip(outputs, figure.errors.values(), strict=True):
            expected = np.abs(images.clip(0, 1) - figure.named["target"]).mean(1, keepdims=True)
            np.testing.assert_allclose(off, expected, rtol=1e-6)

    @pytest.mark.parametrize(("pictures", "columns"), [(1, 3), (5, 15)])
    def test_there_are_as_many_of_each_kind_as_asked_and_no_duplicates(
        self, pictures: int, columns: int, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["ae"], f"pictures={pictures}", *SHOWN)
        assert len(drawn[0].heads) == len(np.unique(drawn[0].named["output"], axis=0)) == columns


class TestSeveralRuns:
    def test_all_are_drawn_on_the_same_images(self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]) -> None:
        result = aectl("eval", runs["vae"], runs["rednet"], *SHOWN, "output=both")
        *_, figure = drawn
        named = [f"{name}   {report['psnr']['mean']:.2f} dB" for name, report in matrix(Path("both"))]
        assert list(figure.named) == ["input", "target", *named]
        assert all(len(images) == 10 for images in figure.named.values())
        assert figure.title.startswith("denoise-0.2 · digits: the same images under each run, mean PSNR of all 359")
        assert result.out.endswith("      both/denoise-0.2-digits.png\n")

    def test_runs_of_one_model_are_told_apart_by_their_folders(self) -> None:
        assert figures.tell_apart(["ae", "vae"], ["a", "b"]) == ["ae", "vae"]
        assert figures.tell_apart(["ae", "ae", "vae"], ["x/a", "x/$b", "c"]) == ["a: ae", r"\$b: ae", "c: vae"]
        assert figures.tell_apart(["ae", "ae"], ["a/run", "b/run"]) == ["1: ae", "2: ae"]

    def test_a_run_that_is_given_twice_is_numbered(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", "-m", runs["ae"], runs["ae"], *SHOWN)
        *_, figure = drawn
        assert [name.split("   ")[0] for name in figure.named] == ["target", "1: ae", "2: ae"]

    def test_runs_that_are_tested_on_other_images_share_no_figure(
        self, aectl: Aectl, runs: dict[str, Path], drawn: list[Drawn]
    ) -> None:
        aectl("eval", runs["ae"], runs["vae"], *SHOWN)
        assert len(drawn) == 2


def matrix(folder: Path) -> list[tuple[str, dict[str, dict[str, float]]]]:
    """The models and reports in matrix.json."""
    return [(report["model"], report) for report in json.loads((folder / "matrix.json").read_text())]


class TestFiles:
    def test_the_picture_is_in_the_folder_and_in_tensorboard(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("eval", runs["vae"], *SHOWN)
        folder = runs["vae"] / "eval" / "digits-denoise-0.2-test"
        assert f"      {folder / 'pictures.png'}\n" in result.out
        events = EventAccumulator(str(folder)).Reload()
        assert events.Tags()["images"] == ["eval, test"]
        (shown,) = events.Images("eval, test")
        with Image.open(folder / "pictures.png") as picture:
            pixels = np.asarray(picture.convert("RGB"))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(shown.encoded_image_string))), pixels)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50

    def test_a_second_evaluation_replaces_the_first(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        folder = runs["vae"] / "eval" / "digits-denoise-0.2-test"
        for _ in range(2):
            aectl("eval", runs["vae"], *SHOWN)
            (events,) = folder.glob("events.out.*")
            assert len(EventAccumulator(str(events)).Reload().Images("eval, test")) == 1
