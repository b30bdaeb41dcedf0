"""A conditional model from training to plots: every verb and every call in Python passes labels on."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import aectl as package
from aectl.errors import UserError
from aectl.inference.export import load
from aectl.io import latent_tables
from aectl.modalities import image_files
from tests.conftest import QUICK, Aectl, train
from tests.support.pictures import photo

CONDITIONAL = ["model=cvae", "model.latent_dim=3", "net=mlp"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("conditional"), {"cvae": CONDITIONAL}, QUICK)["cvae"]


def load_run(run: Path) -> "package.api.TrainedRun":
    return package.open(str(run), accelerator="cpu")


def test_num_classes_comes_from_the_data_set(run: Path) -> None:
    assert load_run(run).model.num_classes == 10


def test_latents_of_a_split_decode_as_their_own_classes_or_as_another(aectl: Aectl, run: Path, tmp_path: Path) -> None:
    assert aectl("encode", run, "output=z.csv").status == 0
    table = latent_tables.load(tmp_path / "z.csv")
    assert table.labels is not None
    own, other = [int(label) for label in table.labels], 7
    trained = load_run(run)
    for words, folder, labels in (([], "own", own), ([f"label={other}"], "other", other)):
        result = aectl("decode", run, "latents=z.csv", f"output={folder}", *words)
        assert result.status == 0, result.err
        found = image_files.read_image(tmp_path / folder / f"{table.names[5]}.png")
        expected = trained.decode(table.codes, labels)[5]
        assert np.abs(found - 255 * expected.numpy()).max() <= 0.51
    data = trained.run.data.split("test")
    np.testing.assert_allclose(table.codes, trained.encode(data.x, data.y), rtol=1e-5, atol=1e-6)


def test_samples_are_of_the_class_that_is_asked_for(aectl: Aectl, run: Path) -> None:
    result = aectl("sample", run, "label=3", "n=5")
    assert result.status == 0, result.err
    found = np.load(run / "samples" / "prior-seed-0-n-5-label-3.npz")["images"]
    trained = load_run(run)
    np.testing.assert_allclose(found, trained.sample(5, labels=3), atol=1e-6)
    assert not torch.allclose(trained.sample(5, labels=3), trained.sample(5, labels=4))
    assert (run / "samples" / "interpolation-seed-0.png").is_file()


def test_samples_of_no_label_have_one_class_a_row(aectl: Aectl, run: Path) -> None:
    result = aectl("sample", run, "n=15")
    assert result.status == 0, result.err
    found = np.load(run / "samples" / "prior-seed-0-n-20.npz")["images"]
    np.testing.assert_allclose(found, load_run(run).sample(20, labels=np.arange(10).repeat(2)), atol=1e-6)
    with Image.open(run / "samples" / "prior-seed-0-n-20.png") as picture:
        assert picture.height > 2 * picture.width
    few = aectl("sample", run, "n=3")
    assert "the first 3 of 10 classes; label=NUMBER chooses one, a larger n shows more" in few.out


def test_pictures_are_predicted_and_encoded_as_the_class_that_is_given(aectl: Aectl, run: Path, tmp_path: Path) -> None:
    source = photo(tmp_path / "in" / "a.png", (8, 8), channels=1)
    trained, x = load_run(run), image_files.read_image(source)
    assert aectl("predict", run, "input=in", "output=out", "label=3").status == 0
    expected = 255 * trained.reconstruct(x, 3)[0].numpy()
    assert np.abs(image_files.read_image(tmp_path / "out" / "a.png") - expected).max() <= 0.51
    assert aectl("encode", run, "input=in", "output=z.npz", "label=3").status == 0
    np.testing.assert_allclose(latent_tables.load(tmp_path / "z.npz").codes, trained.encode(x, 3), atol=1e-6)


@pytest.mark.parametrize("format", ["torch_export", "torchscript", "onnx"])
@pytest.mark.filterwarnings("ignore:.*torch.jit:Warning")
def test_exported_files_take_the_label_as_second_input(aectl: Aectl, run: Path, format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    result = aectl("export", run, f"format={format}", "output=files")
    assert result.status == 0, result.err
    whole, encoder, decoder = (next(Path("files").glob(f"{name}.*")) for name in ("whole", "encoder", "decoder"))
    trained, x, y = load_run(run), torch.rand(5, 1, 8, 8), torch.tensor([3, 1, 4, 1, 5])
    torch.testing.assert_close(load(format, whole)(x, y), trained.reconstruct(x, y), atol=1e-4, rtol=0)
    z = trained.encode(x, y)
    torch.testing.assert_close(load(format, encoder)(x, y), z, atol=1e-4, rtol=0)
    torch.testing.assert_close(load(format, decoder)(z, y), trained.decode(z, y), atol=1e-4, rtol=0)
    assert '"label": "batch: int64 classes"' in Path("files/description.json").read_text()


def test_latents_are_plotted_as_class_0_unless_another_is_given(aectl: Aectl, run: Path) -> None:
    result = aectl("plot-latent", run, "n=50")
    assert result.status == 0, result.err
    assert "decoding as class 0; label=NUMBER chooses another" in result.out
    first = (run / "latent" / "traversals.png").read_bytes()
    assert "decoding as" not in aectl("plot-latent", run, "n=50", "label=7").out
    assert (run / "latent" / "traversals.png").read_bytes() != first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample", "perturb=0"], "label: model=CVAE is conditional; give the class of the examples, 0 to 9"),
        (["sample", "label=10"], "label=10: not a class of this run; expected 0 to 9"),
        (["sample", "label=-1"], "label=-1: expected a number greater than or equal to 0"),
        (["predict", "input=a.png"], "label: model=CVAE is conditional"),
        (["encode", "input=a.png"], "label: model=CVAE is conditional"),
        (["encode", "label=3"], "label=3: a split has labels of its own"),
        (["decode", "latents=z.npy"], "label: model=CVAE is conditional"),
    ],
)
def test_missing_and_wrong_labels_end_in_one_line(
    aectl: Aectl, run: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    photo(tmp_path / "a.png", (8, 8), channels=1)
    np.save(tmp_path / "z.npy", np.zeros((2, 3), np.float32))
    verb, *keys = words
    result = aectl(verb, run, *keys)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_python_needs_labels_where_the_command_line_does(run: Path) -> None:
    trained = load_run(run)
    for call in (
        trained.sample,
        lambda: trained.encode(torch.rand(2, 1, 8, 8)),
        lambda: trained.decode(np.zeros((1, 3))),
    ):
        with pytest.raises(UserError, match="label: model=CVAE is conditional"):
            call()


def test_training_ends_with_a_sample_command_that_works(aectl: Aectl) -> None:
    command = re.search(r"aectl (sample \S+)\n", aectl("train", *CONDITIONAL, *QUICK).out)
    assert command
    assert aectl(*command[1].split(), "n=2").status == 0
