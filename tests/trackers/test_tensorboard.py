import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig

from aectl.data.digits import Digits
from aectl.trackers.tensorboard import tag_of
from tests.conftest import printed_in
from tests.support.browser import SECONDS_TO_LIVE, chromium, running

PICTURES = {"input, output, target", "samples from the prior"}
NUM_EPOCHS = 2
STEPS_AN_EPOCH = 21  # 1,294 examples in batches of 64
VAL = Digits().split("val")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `aectl train` leaves below `outputs` after two epochs."""
    folder = tmp_path_factory.mktemp("tensorboard")
    keys = ["data.batch_size=64", f"trainer.max_epochs={NUM_EPOCHS}", "trainer.accelerator=cpu"]
    more = ["callbacks.pictures.every_n_epochs=1", "outputs=outputs"]
    printed_in(folder, "train", "model=vae", "model.latent_dim=16", "model.beta=0.5", *keys, *more)
    return folder / "outputs"


@pytest.fixture(scope="module")
def run(outputs: Path) -> Path:
    (run,) = outputs.glob("reconstruct/vae-digits/*")
    return run


@pytest.fixture(scope="module")
def events(run: Path) -> EventAccumulator:
    return EventAccumulator(str(run), size_guidance={IMAGES: 0}).Reload()


def values(events: EventAccumulator, name: str) -> list[float]:
    return [event.value for event in events.Scalars(tag_of(name))]


def pictures(events: EventAccumulator, tag: str) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(event.encoded_image_string))) for event in events.Images(tag)]


def row(picture: np.ndarray, number: int) -> np.ndarray:
    """The images of 8 x 8 in one row of a picture that frames each with two pixels, (N, 8, 8)."""
    framed = picture[2 + 10 * number : 10 + 10 * number, 2:, 0].reshape(8, -1, 10)
    return framed[:, :, :8].transpose(1, 0, 2)


def hparams(events: EventAccumulator, part: str) -> HParamsPluginData:
    return HParamsPluginData.FromString(events.PluginTagToContent("hparams")[f"_hparams_/{part}"])


def embedding(run: Path) -> EmbeddingInfo:
    config = text_format.Parse((run / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    return embedding


def test_a_run_has_one_events_file_and_no_folder_below_it_has_any(outputs: Path, run: Path) -> None:
    assert [path.parent for path in outputs.rglob("*tfevents*")] == [run]


@pytest.mark.parametrize(
    "name", ["train/loss", "train/nll", "train/kl", "val/loss", "val/nll", "val/kl", "val/psnr", "val/ssim", "lr"]
)
def test_every_epoch_is_a_point_of_every_curve(name: str, events: EventAccumulator) -> None:
    assert len(values(events, name)) == NUM_EPOCHS
    assert np.isfinite(values(events, name)).all()


def test_training_and_validation_share_a_group_and_what_is_no_metric_comes_last(events: EventAccumulator) -> None:
    tags = sorted(events.Tags()["scalars"])
    assert tags[:6] == [f"{term}/{split}" for term in ("kl", "loss", "nll") for split in ("train", "val")]
    last = [f"summary/{name}" for name in ("best/val/loss", "best/val/psnr", "best/val/ssim", "epoch", "lr")]
    assert tags[-5:] == last
    assert tag_of("train/discriminator/loss") == "discriminator/loss/train"


def test_training_and_validation_share_a_chart(tensorboard: str, outputs: Path, run: Path) -> None:
    address = f"{tensorboard}data/plugin/custom_scalars"
    with urlopen(f"{address}/layout", timeout=SECONDS_TO_LIVE) as answer:
        (category,) = json.load(answer)["category"]
    charts = {chart["title"]: chart["multiline"]["tag"] for chart in category["chart"]}
    assert list(charts) == ["kl", "loss", "nll"]
    query = urlencode({"run": name(outputs, run), "tag": charts["loss"][0]})
    with urlopen(f"{address}/scalars?{query}", timeout=SECONDS_TO_LIVE) as answer:
        curves = json.load(answer)["tag_to_events"]
    assert {tag: len(points) for tag, points in curves.items()} == dict.fromkeys(("loss/train", "loss/val"), NUM_EPOCHS)


def test_the_curves_are_those_of_metrics_csv(run: Path, events: EventAccumulator) -> None:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for tag in rows[0].keys() - {"epoch", "step"}:
        assert [float(row[tag]) for row in rows] == pytest.approx(values(events, tag), rel=1e-6), tag


def test_learning_lowers_the_loss(events: EventAccumulator) -> None:
    first, last = values(events, "val/loss")
    assert last < first


def test_each_epoch_leaves_a_comparison_and_samples(events: EventAccumulator) -> None:
    assert set(events.Tags()["images"]) == PICTURES
    for tag in PICTURES:
        assert [event.step for event in events.Images(tag)] == [STEPS_AN_EPOCH, 2 * STEPS_AN_EPOCH]


def test_the_comparison_has_rows_of_validation_images_and_the_output_between(events: EventAccumulator) -> None:
    for picture in pictures(events, "input, output, target"):
        assert picture.shape[:2] == (3 * 10 + 2, 16 * 10 + 2)
        assert np.array_equal(row(picture, 0), VAL.x[:16, 0].numpy())
        assert np.array_equal(row(picture, 2), VAL.x[:16, 0].numpy())
        assert not np.array_equal(row(picture, 1), row(picture, 0))


def test_the_output_moves_between_two_epochs(events: EventAccumulator) -> None:
    first, last = pictures(events, "input, output, target")
    assert np.array_equal(row(first, 0), row(last, 0))
    assert not np.array_equal(row(first, 1), row(last, 1))


def test_the_samples_are_sixteen_different_images(events: EventAccumulator) -> None:
    for picture in pictures(events, "samples from the prior"):
        samples = np.concatenate([row(picture, 0), row(picture, 1)])
        assert len(np.unique(samples.reshape(16, -1), axis=0)) == 16


def test_the_hyperparameters_are_in_the_same_file_with_the_best_score(events: EventAccumulator) -> None:
    experiment, session = hparams(events, "experiment").experiment, hparams(events, "session_start_info")
    scores = ["best/val/loss", "best/val/psnr", "best/val/ssim"]
    assert [metric.name.tag for metric in experiment.metric_infos] == [tag_of(score) for score in scores]
    assert [metric.display_name for metric in experiment.metric_infos] == scores
    given = session.session_start_info.hparams
    assert given["4 model.beta"].number_value == 0.5
    assert given["trainer.max_epochs"].number_value == NUM_EPOCHS
    assert given["0 model"].string_value == "vae"
    assert values(events, "best/val/loss") == pytest.approx([min(values(events, "val/loss"))])


def test_the_projector_has_a_latent_for_each_validation_example(run: Path) -> None:
    latents = np.loadtxt(run / embedding(run).tensor_path, delimiter="\t")
    assert latents.shape == (len(VAL.x), 16)
    assert np.isfinite(latents).all()
    assert latents.std(axis=0).max() > 0


def test_the_projector_labels_each_latent_with_its_class(run: Path) -> None:
    labels = (run / embedding(run).metadata_path).read_text().split()
    assert labels == [VAL.classes[i] for i in VAL.y.tolist()]


def test_the_projector_shows_each_latent_as_its_image(run: Path) -> None:
    info = embedding(run).sprite
    assert tuple(info.single_image_dim) == (8, 8)
    sprite = np.asarray(Image.open(run / info.image_path).convert("L"))
    cells = sprite.reshape(12, 8, 12, 8).transpose(0, 2, 1, 3).reshape(144, 8, 8)
    assert np.array_equal(cells, VAL.x[:, 0].numpy())


@pytest.fixture(scope="module")
def tensorboard(outputs: Path) -> Iterator[str]:
    """The address of `tensorboard --logdir outputs`."""
    program = [sys.executable, "-m", "tensorboard.main"]
    command = [*program, "--logdir", str(outputs), "--host", "127.0.0.1", "--port", "0"]
    with running(command, stderr=subprocess.PIPE) as process:
        addresses = (re.search(r"TensorBoard .* at (http://\S+)", line) for line in process.stderr)
        address = next(filter(None, addresses), None)
        assert address, "tensorboard did not start"
        yield address.group(1)


def name(outputs: Path, run: Path) -> str:
    """The run as TensorBoard is to name it: its path below outputs."""
    return run.relative_to(outputs).as_posix()


def test_tensorboard_names_the_run_by_its_path_below_outputs(tensorboard: str, outputs: Path, run: Path) -> None:
    with urlopen(f"{tensorboard}data/runs", timeout=SECONDS_TO_LIVE) as answer:
        assert json.load(answer) == [name(outputs, run)]


needs_chromium = pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")


@needs_chromium
def test_the_images_tab_shows_both_pictures_of_the_run(
    tensorboard: str, outputs: Path, run: Path, events: EventAccumulator, tmp_path: Path
) -> None:
    with chromium(tmp_path / "profile") as page:
        texts, boxes, screenshot = page.show(f"{tensorboard}#images", lambda _, boxes: len(boxes) == 2)
    screenshot.save(tmp_path / "images.png")
    assert set(texts) >= {*PICTURES, name(outputs, run)}
    assert len(boxes) == 2
    for tag, box in zip(sorted(PICTURES), boxes, strict=True):
        logged = pictures(events, tag)[-1][:, :, :3]
        shown = screenshot.crop(tuple(map(round, box))).resize(logged.shape[1::-1], Image.Resampling.NEAREST)
        assert np.abs(np.asarray(shown, float) - logged).mean() < 5 < logged.std()


@needs_chromium
def test_the_hparams_tab_shows_the_run_with_its_best_score(
    tensorboard: str, outputs: Path, run: Path, events: EventAccumulator, tmp_path: Path
) -> None:
    score = f"{values(events, 'best/val/loss')[0]:.5g}"
    infos = hparams(events, "experiment").experiment.hparam_infos
    hyperparameters = {info.display_name or info.name for info in infos}
    with chromium(tmp_path / "profile") as page:
        texts, _, screenshot = page.show(f"{tensorboard}#hparams", lambda texts, _: score in texts)
    screenshot.save(tmp_path / "hparams.png")
    choices, table = texts[: texts.index("Trial ID")], texts[texts.index("Trial ID") :]
    scores = ["best/val/loss", "best/val/psnr", "best/val/ssim"]
    first = ["model", "task", "dataset", "model.latent_dim", "model.beta", "optimizer.lr", "data.batch_size"]
    named = [text for text in choices if text in {*hyperparameters, *scores}]
    assert named[:7] == first
    assert named[-3:] == scores
    columns = ["Trial ID", "Show Metrics", *first[:5], *scores]  # it shows five hyperparameters until others are chosen
    shown = [f"{values(events, tag)[0]:.5g}" for tag in scores]
    assert table == [*columns, name(outputs, run), "vae", "reconstruct", "digits", "16.000", "0.50000", *shown]
