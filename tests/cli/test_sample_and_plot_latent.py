"""sample and plot-latent."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aectl.cli.commands.plot_latent import warn_of_far_latents
from aectl.inference.latent_space import Plane
from aectl.inference.latents import Latents
from tests.conftest import EPOCHS, Aectl, run_folder


class TestSample:
    def test_a_vae_draws_from_its_prior(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("sample", runs["vae"], "n=10", "seed=4")
        images = np.load(runs["vae"] / "samples" / "prior-seed-4-n-10.npz")["images"]
        assert images.shape == (10, 1, 8, 8)
        assert 0 <= images.min() < images.max() <= 1
        with Image.open(runs["vae"] / "samples" / "prior-seed-4-n-10.png") as grid:
            gray = np.asarray(grid.convert("L"))
        first = np.kron((255 * images[0, 0]).round(), np.ones((8, 8)))  # eightfold, to the pixel
        assert any(np.array_equal(gray[top : top + 64, 24:88], first) for top in range(20, 100))
        assert "interpolation-seed-4.png" in result.out

    def test_the_seed_fixes_the_samples_and_temperature_zero_draws_one_image(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        def draw(*overrides: str) -> np.ndarray:
            found = re.search(r"(\S+\.npz)", aectl("sample", runs["vae"], "n=4", *overrides).out)
            assert found
            return np.load(found[1])["images"]

        assert np.array_equal(draw("seed=1"), draw("seed=1"))
        assert not np.array_equal(draw("seed=1"), draw("seed=2"))
        cold = draw("temperature=0")
        assert np.allclose(cold, cold[:1])

    def test_a_plain_autoencoder_says_what_it_draws_from(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        said = aectl("sample", runs["ae"], "n=9").out
        assert "AE has no prior: drawing from a Gaussian" in said
        assert "makes it look better than its latent space is; sampler=standard decodes N(0, I)" in said
        assert (runs["ae"] / "samples" / "gaussian-seed-0-n-9.png").is_file()
        assert aectl("sample", runs["ae"], "n=9", "sampler=mixture").status == 0
        refused = aectl("sample", runs["ae"], "sampler=prior")
        assert refused.status == 2
        assert "AE has no prior to sample from; use sampler=gaussian or sampler=mixture" in refused.err

    def test_more_components_than_latents_are_refused(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("sample", runs["ae"], "sampler=mixture", "components=100000")
        assert "components=100000: more than the 1294 training latents" in result.err

    def test_draws_from_a_latent_grid_are_said_to_have_no_shape_as_a_whole(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        said = "sampler=prior: the cells of a grid of latents are drawn independently"
        result = aectl("sample", runs["grid"], "n=5")
        assert "(5, 1, 8, 8)" in result.out
        assert said in result.out
        assert said not in aectl("sample", runs["vae"], "n=5").out

    def test_several_runs_share_a_picture_and_codes_from_n_0_i_come_with_a_remark(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("sample", runs["ae"], runs["vae"], "sampler=standard", "n=4", "output=both")
        assert "sampler=standard: AE was never trained to decode N(0, I): its training latents have" in result.out
        assert result.out.endswith("wrote both/samples.png\n")
        widths = []
        for name in ("both", "both-0", "both-1"):
            (picture,) = (path for path in Path(name).glob("*.png") if "interpolation" not in path.name)
            with Image.open(picture) as opened:
                widths.append(opened.width)
        assert widths[0] == sum(widths[1:]) - 24

    def test_an_interpolation_joins_the_images_that_are_named(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        said = []
        for keys, name in {("from=3", "to=8"): "3-to-8", ("from=class:3", "to=2"): r"\d+-to-2"}.items():
            result = aectl("sample", runs["ae"], *keys)
            said.append(result.out)
            assert re.search(rf"wrote \S+/samples/interpolation-{name}\.png\n$", result.out), result
        assert "from test image 3, class 8, to test image 8, class 6; by class: from=class:3 to=class:8\n" in said[0]
        assert re.search(r"from test image \d+, class 3, to test image 2, class 9; by class: to=class:2\n", said[1])
        assert not list((runs["ae"] / "samples").glob("*.npz"))

    def test_a_code_is_changed_one_dimension_at_a_time(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        result = aectl("sample", runs["vae"], "perturb=class:8", "dimensions=2", "steps=2")
        assert re.search(r"wrote \S+/samples/perturbed-\d+\.png\n$", result.out)

    @pytest.mark.parametrize(
        ("typed", "message"),
        [
            ("perturb=359", "perturb=359: no such test example; expected 0 to 358, or perturb=class:NAME"),
            ("from=-1", "from=-1: expected"),
            ("to=class:10", "to=class:10: no test example of such a class; expected the index"),
            ("to=eight", "or class:NAME: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
            ("from=3 steps=1", "steps=1: an interpolation has two ends; expected 2 or more"),
        ],
    )
    def test_an_image_that_does_not_exist_is_named(
        self, typed: str, message: str, aectl: Aectl, trained: dict[str, Path]
    ) -> None:
        result = aectl("sample", trained["ae"], *typed.split())
        assert (result.status, result.err.count("\n")) == (2, 1)
        assert message in result.err

    def test_a_model_without_a_latent_has_no_code_to_change(self, aectl: Aectl, trained: dict[str, Path]) -> None:
        assert "has no single latent to decode" in aectl("sample", trained["rednet"], "perturb=0").err


class TestAttribute:
    def test_picture_has_a_row_for_each_image_and_a_column_for_each_strength(
        self, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("sample", runs["ae"], "attribute=8-3", "strength=[0,1]", "n=2")
        assert result.status == 0, result.err
        (written,) = (runs["ae"] / "samples").iterdir()
        assert written.name == "attribute-8-3.png"
        assert str(written) in result.out
        with Image.open(written) as picture:
            assert picture.width > picture.height

    @pytest.mark.parametrize(
        ("run", "given", "refusal"),
        [
            (
                "ae",
                ("attribute=10",),
                "attribute=10: no such class; expected CLASS, or CLASS-CLASS of two different ones",
            ),
            ("ae", ("attribute=1", "strength=[]"), "strength=[]: expected "),
            ("ae", ("attribute=1", "strength=nan"), "strength=nan: expected "),
            ("ae", ("attribute=1", "strength=far"), "strength=far: expected "),
            ("rednet", ("attribute=1",), "model=RedNet: has no single latent to decode"),
        ],
    )
    def test_what_cannot_be_moved_is_one_line(
        self, run: str, given: tuple[str, ...], refusal: str, aectl: Aectl, runs: dict[str, Path]
    ) -> None:
        result = aectl("sample", runs[run], *given)
        assert result.status == 2
        assert result.err.startswith(f"aectl sample: {refusal}")
        assert result.err.count("\n") == 1


class TestPlotLatent:
    def test_two_dimensions_get_a_scatter_and_a_grid(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        assert aectl("plot-latent", runs["ae"], "grid=5").status == 0
        for name in ("scatter-test.png", "grid.png"):
            with Image.open(runs["ae"] / "latent" / name) as picture:
                colours = picture.convert("RGB").getcolors(10**6)
            assert colours is not None
            assert len(colours) > 50, name

    def test_more_dimensions_get_a_scatter_and_traversals(self, aectl: Aectl, runs: dict[str, Path]) -> None:
        for name in ("vae", "grid"):
            result = aectl("plot-latent", runs[name], "n=100")
            assert result.status == 0
            assert {p.name for p in (runs[name] / "latent").iterdir()} == {"scatter-test.png", "traversals.png"}

    @pytest.mark.parametrize(("deviation", "warned"), [(1.0, False), (3.0, True)])
    def test_latents_far_from_the_decoded_points_are_reported(
        self, deviation: float, warned: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        codes = deviation * torch.randn(1_000, 2, generator=torch.Generator().manual_seed(0))
        line = torch.linspace(-1.8, 1.8, 15)
        warn_of_far_latents(Latents(codes, None, []), Plane(torch.empty(0), line, line), "test")
        printed = capsys.readouterr().out
        outside, far = (float((codes.abs().amax(1) > side).float().mean()) for side in (1.8, 3.6))
        said = f"-1.8 to 1.8, but {outside:.0%} of the test latents lie outside of it and {far:.0%} far outside"
        assert (said in printed) == bool(printed) == warned

    def test_one_dimension_and_no_classes_can_be_drawn(self, aectl: Aectl) -> None:
        line = run_folder(aectl("train", "model.latent_dim=1", "net=mlp", EPOCHS, "model=vae", "outputs=line"))
        assert aectl("plot-latent", line).status == 0
        photos = ("dataset=photos", "dataset.patches_per_photo=10", "dataset.size=16", "model.latent_dim=2")
        unlabelled = run_folder(aectl("train", *photos, "net=mlp", EPOCHS, "outputs=photos"))
        assert aectl("plot-latent", unlabelled, "grid=3").status == 0
