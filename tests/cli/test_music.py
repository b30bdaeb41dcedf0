"""A run on MIDI files, from training to samples that one can listen to."""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aectl.modalities import sound
from aectl.modalities.midi_files import read_midi
from aectl.modalities.midi_parts import to_parts
from aectl.modalities.vocabulary import MELODY
from tests.conftest import COMPARED, Aectl, train
from tests.support.midi_folder import BARS, write_tunes

OPTIONS = ("model.latent_dim=4", "net=mlp", "net.hidden=[32]", "data.batch_size=16", "~callbacks.projector")


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on tunes, `run`, beside these, `tunes`."""
    folder = tmp_path_factory.mktemp("music")
    write_tunes(folder / "tunes", 20)
    data = ["dataset=midi", f"dataset.root={folder / 'tunes'}", "trainer.max_epochs=10"]
    train(folder, {"run": ["model=vae", *data]}, OPTIONS)
    return folder


@pytest.fixture
def run(music: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(music / "run", tmp_path / "run"))


def part_of(path: Path) -> np.ndarray:
    (part,) = to_parts(read_midi(path), (MELODY,), "all", path)
    return part


def test_eval_compares_with_baselines_of_music(aectl: Aectl, run: Path) -> None:
    result = aectl("eval", run, *[key for key in COMPARED if "importance" not in key], "importance_samples=2")
    assert result.status == 0, result.err
    report: dict[str, Any] = json.loads(next((run / "eval").glob("*/metrics.json")).read_text())
    assert [*report["baselines"]] == ["no event", "n-gram, teacher-forced", "nearest training window", "PCA-4"]
    assert report["baselines"]["no event"]["onset_f1"]["mean"] == 0
    assert report["verdict"]["best_baseline"] in report["baselines"]
    assert " bits per step, 10 windows" in result.out
    assert "likelihood of n-gram, teacher-forced: log p(x) -" in result.out
    assert "dB" not in result.out
    assert not report.get("failed")


def test_samples_and_a_walk_are_midi_files_and_piano_rolls(aectl: Aectl, run: Path) -> None:
    result = aectl("sample", run, "n=4", "steps=3")
    assert result.status == 0, result.err
    folder = run / "samples"
    tokens = np.load(folder / "prior-seed-0-n-4.npz")["windows"]
    assert tokens.shape == (4, 32, 1)
    for index, window in enumerate(tokens):
        path = folder / "prior-seed-0-n-4" / f"{index}.mid"
        if (window >= 2).any():
            written = part_of(path)
            assert np.array_equal(written, window[: len(written)])
        assert path.is_file()
    assert np.asarray(Image.open(folder / "prior-seed-0-n-4.png")).std() > 5
    walk = part_of(folder / "interpolation-seed-0.mid")
    assert len(walk) == (1 + 3 + 1) * 32


def test_plot_latent_colours_windows_by_what_is_asked_for(aectl: Aectl, run: Path) -> None:
    result = aectl("plot-latent", run, "colour=density", "traversals=2", "steps=3")
    assert result.status == 0, result.err
    assert {path.name for path in (run / "latent").iterdir()} == {"scatter-test.png", "traversals.png"}


def test_latents_of_midi_files_decode_to_midi_files(aectl: Aectl, music: Path, run: Path) -> None:
    assert aectl("encode", run, f"input={music / 'tunes' / 'tune-3.mid'}", "output=z.npz").status == 0
    result = aectl("decode", run, "latents=z.npz", "output=out")
    assert result.status == 0, result.err
    names = {path.name for path in Path("out").iterdir()}
    assert names == {"all.png", *(f"tune-3-00{index}.mid" for index in range(BARS // 2))}


def test_predict_rebuilds_midi_files_and_skips_those_it_cannot_use(aectl: Aectl, music: Path, run: Path) -> None:
    given = Path("given")
    given.mkdir()
    shutil.copy(music / "tunes" / "tune-3.mid", given)
    result = aectl("predict", run, "input=given", "output=out")
    assert result.status == 0, result.err
    assert "wrote 1 MIDI files to out/, onset F1 0." in result.out
    assert Path("out", "tune-3.mid").is_file()
    again = aectl("predict", run, "input=given", "output=out")
    assert "0 MIDI files to out/; 1 exist already; overwrite=true" in again.out
    (given / "broken.mid").write_text("x")
    result = aectl("predict", run, "input=given", "output=new")
    assert result.status == 1
    assert "broken.mid: no MIDI file" in result.err
    assert "1 could not be used" in result.out


def test_similar_finds_copies_among_the_windows_of_midi_files(aectl: Aectl, music: Path, run: Path) -> None:
    given = Path("given")
    given.mkdir()
    for name in ("a.mid", "b.mid"):
        shutil.copy(music / "tunes" / "tune-3.mid", given / name)
    (given / "broken.mid").write_text("x")
    result = aectl("similar", run, "input=given", "neighbours=2", "output=out")
    assert result.status == 1
    assert "broken.mid: no MIDI file" in result.err
    assert f"windows: {BARS}, groups of duplicates: {BARS // 2}" in result.out
    with Path("out", "similar.csv").open(newline="") as file:
        rows = {row["window"]: row for row in csv.DictReader(file)}
    assert (rows["a-001"]["nearest_1"], float(rows["a-001"]["distance_1"])) == ("b-001", 0)
    with Image.open(Path("out", "similar.png")) as sheet:
        assert np.asarray(sheet).std() > 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "input=given", "mask=hole.png"), "mask=hole.png: is a key of pictures, but this run takes MIDI"),
        (("predict",), "input: no music to work on; give input=FILE or input=FOLDER with MIDI files"),
        (("encode", "input=missing"), "input=missing: no such file or folder; give a MIDI file or a folder of them"),
        (("eval", "task=denoise"), "task=denoise: degrades pixels, but the run is on tokens; use task=reconstruct"),
        (("eval", "dataset=digits"), "its output windows are 1x8x8, but the model of this run has 1x32x90"),
        (("similar", "input=x.png"), "input=x.png: no such file or folder; give a MIDI file or a folder of them"),
        (("similar",), "input: no music to work on; give input=FILE or input=FOLDER with MIDI files"),
    ],
)
def test_what_makes_no_sense_of_music_ends_in_a_line(
    aectl: Aectl, run: Path, arguments: tuple[str, ...], message: str
) -> None:
    verb, *keys = arguments
    result = aectl(verb, run, *keys)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_sound_needs_a_program_and_music(
    aectl: Aectl, run: Path, trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_images = aectl("sample", trained["ae"], "audio=true")
    assert "audio=true: images have no sound; expected a run on music" in of_images.err
    monkeypatch.setattr(sound.shutil, "which", lambda _: None)
    result = aectl("sample", run, "audio=true")
    assert result.status == 2
    assert "needs the program fluidsynth, which is not installed; on Debian: apt install" in result.err


@pytest.mark.skipif(not shutil.which("fluidsynth"), reason="no fluidsynth")
def test_sound_is_written_beside_the_midi_files(aectl: Aectl, run: Path) -> None:
    result = aectl("sample", run, "n=1", "steps=1", "audio=true")
    assert result.status == 0, result.err
    assert (run / "samples" / "prior-seed-0-n-1" / "0.wav").stat().st_size > 100_000


def test_mido_is_asked_for_in_a_line(aectl: Aectl, music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mido", None)
    monkeypatch.setenv("AECTL_CACHE", "elsewhere")
    result = aectl("train", "dataset=midi", f"dataset.root={music / 'tunes'}")
    assert result.status == 2
    assert "MIDI files need mido, which is not installed: pip install 'aectl[music]'" in result.err
