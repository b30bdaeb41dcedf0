"""The page of a run on music in a real browser: it decodes what torch does, and plays what it shows."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aectl.errors import UserError
from aectl.explorer.explore import ExploreOptions, explore
from aectl.explorer.runtime import read_runtime
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import Tokens
from aectl.modalities.midi_files import read_midi
from aectl.modalities.midi_parts import to_parts
from aectl.modalities.notes import to_notes
from aectl.modalities.vocabulary import DRUMS, MELODY
from aectl.models.ae import AE
from aectl.models.probability.likelihoods import Categorical
from aectl.models.variational.music_vae import MusicVAE
from tests.explorer.test_page import ATTACK, facts_of
from tests.support.browser import Page, chromium
from tests.support.toy_melodies import ToyMelodies
from tests.support.toy_models import opened

pytest.importorskip("onnxscript")
in_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and read_runtime()), reason="chromium or the runtime of the pages is not installed"
)
TRIO = (MELODY, MELODY, DRUMS)
LATENTS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


class ToyTrio(ToyMelodies):
    """Two melodies and drums."""

    def __init__(self) -> None:
        super().__init__(vocabularies=TRIO)


def run_on(source: type[ToyMelodies], segments: int = 1) -> TrainedRun:
    """A MusicVAE of random weights, so large that it writes many different notes."""
    torch.manual_seed(1)
    shape, vocabularies = source().shape, source().vocabularies
    sizes = (1.0, 0.0, 0.0, 0.0, 8, 1, 8, 2, segments, 8, 1, False)
    model = MusicVAE(shape, shape, 4, *sizes, likelihood=Categorical([*vocabularies])).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.normal_(0, 2)
    trained = opened(model, f"{source.__module__}.{source.__name__}")
    trained.run.cfg.names = {"model": "music_vae", "task": "reconstruct", "dataset": ATTACK}
    return trained


def tokens_of(trained: TrainedRun, z: torch.Tensor) -> np.ndarray:
    """What Python decodes, (N, T, tracks)."""
    assert isinstance(trained.modality, Tokens)
    return trained.modality.to_stored(trained.decode(z)).numpy()


def shown(page: Page, canvas: str, tracks: int = 1) -> np.ndarray:
    """The tokens that a canvas shows, (T, tracks)."""
    (window,) = page.evaluate(f"explorer.windowsOn(document.getElementById('{canvas}')).map(one => [...one])")
    return np.array(window).reshape(-1, tracks)


def press(page: Page, selector: str) -> None:
    """Clicks with the mouse: a page that nobody has touched may not play."""
    x, y = (
        page.evaluate(f"""(e => (e.scrollIntoView({{block: 'center'}}), (r => [r.x + r.width / 2, r.y + r.height / 2])
        (e.getBoundingClientRect())))(document.querySelector('{selector}'))""")
    )
    page.drag((x, y))


def settled(page: Page) -> None:
    page.evaluate("explorer.decode(explorer.state.z).then(() => new Promise(done => setTimeout(done, 100)))")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def trained() -> TrainedRun:
    return run_on(ToyMelodies)


@pytest.fixture(scope="module")
def file(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explore(trained, tmp_path_factory.mktemp("page") / "index.html")[0]


@pytest.fixture(scope="module")
def trio() -> TrainedRun:
    return run_on(ToyTrio, segments=2)


@pytest.fixture(scope="module")
def trio_file(trio: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explore(trio, tmp_path_factory.mktemp("trio") / "index.html", ExploreOptions(n=20))[0]


@pytest.fixture(scope="module")
def page(browser: Page, file: Path) -> Page:
    browser.load(file)
    return browser


@in_browser
def test_a_slider_shows_the_tokens_that_torch_decodes(page: Page, trained: TrainedRun) -> None:
    found = []
    for value in (-1.5, 0.2, 2.0):
        page.evaluate(f"(s => (s.value = {value}, s.oninput()))(document.querySelector('#sliders input'))")
        settled(page)
        z = torch.tensor([page.evaluate("[...explorer.state.z]")])
        found.append(shown(page, "decoded"))
        assert np.array_equal(found[-1], tokens_of(trained, z)[0])
    assert not np.array_equal(found[0], found[2])


@in_browser
def test_play_schedules_the_notes_of_its_roll(page: Page) -> None:
    page.evaluate("explorer.map.pin(5)")
    window = shown(page, "example")
    expected = to_notes(window[:, 0], MELODY)
    page.evaluate("(t => (t.value = 240, t.oninput()))(document.getElementById('tempo'))")
    press(page, "#example + .bar button")
    page.wait_for(f"explorer.player.scheduled.length === {len(expected)}")
    played = page.evaluate("explorer.player.scheduled")
    assert [round(69 + 12 * np.log2(sound["frequency"] / 440)) for sound in played] == [n.pitch for n in expected]
    step = 60 / 240 / 4
    starts = [(sound["at"] - played[0]["at"]) / step for sound in played]
    assert starts == pytest.approx([note.start - expected[0].start for note in expected], abs=1e-6)
    assert [sound["duration"] / step for sound in played] == pytest.approx([n.end - n.start for n in expected])
    page.wait_for("explorer.player.piece === null")


@in_browser
def test_a_note_sounds_at_its_pitch(page: Page) -> None:
    crossings, loudest = page.evaluate("""(async () => {
        const context = new OfflineAudioContext(1, 44100, 44100), synth = new explorer.Synth(context);
        synth.sound({duration: 1, frequency: 440, drum: null, program: 0}, 0);
        const samples = (await context.startRendering()).getChannelData(0).subarray(4410, 39690);
        const crossings = samples.filter((value, index) => index && value >= 0 && samples[index - 1] < 0).length;
        return [crossings / 0.8, Math.max(...samples.map(Math.abs))];
    })()""")
    assert crossings == pytest.approx(440, abs=2)
    assert 0.05 < loudest < 1


@in_browser
def test_two_pins_make_a_path_that_is_a_midi_file(page: Page, trained: TrainedRun, tmp_path: Path) -> None:
    for index, button in ((3, 0), (9, 1)):
        page.evaluate(
            f"explorer.map.pin({index}); document.querySelectorAll('#pins figure > button')[{button}].click()"
        )
    page.wait_for("explorer.windowsOn(document.getElementById('strip')).length === 8")
    windows = np.array(page.evaluate("explorer.windowsOn(document.getElementById('strip')).map(one => [...one])"))
    path = tmp_path / "path.mid"
    path.write_bytes(bytes(page.evaluate("[...explorer.midiOf(document.getElementById('strip'))]")))
    (part,) = to_parts(read_midi(path), (MELODY,), "all", path)
    expected = [(n.start + 32 * i, n.end + 32 * i, n.pitch) for i, w in enumerate(windows) for n in to_notes(w, MELODY)]
    assert [tuple(note) for note in to_notes(part[:, 0], MELODY)] == expected


@in_browser
def test_what_makes_no_sense_of_music_is_not_on_the_page(page: Page) -> None:
    for name in ("draw-panel", "restore-panel", "play"):
        assert page.evaluate(f"document.getElementById('{name}') === null")
    assert page.evaluate("document.getElementById('problem').textContent") == ""
    assert page.evaluate("[...document.getElementById('colour-by').options].map(o => o.value)") == [
        "class",
        "onset F1",
        "notes a bar",
    ]


@in_browser
def test_the_page_asks_nobody_for_anything(page: Page, file: Path) -> None:
    asked = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert not [url for url in asked if not url.startswith(("data:", "blob:"))]
    assert "default-src 'none'" in file.read_text()


@in_browser
def test_a_trio_of_a_conductor_is_decoded_and_written(
    browser: Page, trio: TrainedRun, trio_file: Path, tmp_path: Path
) -> None:
    browser.load(trio_file)
    for z in LATENTS[:2]:
        browser.evaluate(f"explorer.change({{z: new Float32Array({z.tolist()})}}, 'test')")
        settled(browser)
        assert np.array_equal(shown(browser, "decoded", 3), tokens_of(trio, z[None])[0])
    browser.evaluate("explorer.map.hover(4, [0, 0])")
    window, path = shown(browser, "example", 3), tmp_path / "trio.mid"
    path.write_bytes(bytes(browser.evaluate("[...explorer.midiOf(document.getElementById('example'))]")))
    (part,) = to_parts(read_midi(path), TRIO, "all", path)
    assert np.array_equal(part[: len(window)], window)


def test_the_page_has_the_decoder_alone_and_windows_for_pictures(file: Path) -> None:
    facts: dict[str, Any] = facts_of(file)
    assert (facts["view"], facts["measures"]) == ("rolls", ["onset F1", "notes a bar"])
    assert facts["parts"] == (["decoder"] if read_runtime() else [])
    text = file.read_text()
    assert 'id="file-windows"' in text
    assert not any(f'id="file-{name}"' in text for name in ("thumbnails", "shown", "encoder.onnx"))
    assert ATTACK not in text


def test_the_loop_of_the_decoder_writes_the_same_tokens_as_torch(file: Path, trio_file: Path) -> None:
    assert [facts_of(page)["differences"] for page in (file, trio_file)] == [{"decoder": 0}] * 2


def test_a_model_without_a_single_latent_is_refused_in_a_line(
    trained: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(AE, "decode_mean")
    with pytest.raises(UserError, match=r"^model=MusicVAE: has no single latent to decode"):
        explore(trained, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
