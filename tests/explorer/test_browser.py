"""A page in a real browser, opened from its file: it decodes what torch does, and answers the mouse."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import aectl as package
from aectl.explorer import observations
from aectl.explorer.explore import ExploreOptions, explore
from aectl.explorer.runtime import read_runtime
from aectl.inference.trained_run import TrainedRun
from aectl.modalities import image_files
from tests.support.browser import Page, chromium

pytest.importorskip("onnxscript")
pytestmark = [
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
    pytest.mark.skipif(not read_runtime(), reason="python -m aectl.explorer.fetch_runtime was not run"),
]
SHIFT = 8
ATTACK = '<img src=x onerror="window.attacked=true">'
PIXELS = """(canvas => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]
    .filter((_, index) => index % 4 === 0))(document.getElementById(CANVAS))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def opened(trained: dict[str, Path]) -> TrainedRun:
    return package.open(trained["ae"])


@pytest.fixture(scope="module")
def page_file(opened: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return explore(opened, tmp_path_factory.mktemp("page") / "index.html")[0]


@pytest.fixture
def page(browser: Page, page_file: Path) -> Page:
    return load(browser, page_file)


def load(browser: Page, file: Path, fragment: str = "") -> Page:
    browser.load(file, fragment)
    return browser


def pixels(page: Page, canvas: str) -> np.ndarray:
    """The red channel of a canvas, (H * W,)."""
    return np.array(page.evaluate(PIXELS.replace("CANVAS", json.dumps(canvas))), np.uint8)


def text(page: Page, name: str) -> str:
    return page.evaluate(f"document.getElementById({json.dumps(name)}).textContent")


def place(page: Page, name: str) -> tuple[float, float, float, float]:
    """Left, top, width and height of an element, which is scrolled into view."""
    return tuple(
        page.evaluate(
            f"(e => (e.scrollIntoView({{block: 'center'}}), (r => [r.x, r.y, r.width, r.height])"
            f"(e.getBoundingClientRect())))(document.getElementById({json.dumps(name)}))"
        )
    )


def test_a_slider_shows_what_torch_decodes(page: Page, opened: TrainedRun) -> None:
    before = pixels(page, "decoded")
    left, top, width, height = place(page, "unit-0")
    page.drag((left + 0.5 * width, top + height / 2), (left + 0.7 * width, top + height / 2))
    z = page.evaluate("new Promise(done => setTimeout(() => done([...explorer.state.z]), 200))")
    after = pixels(page, "decoded")
    expected = opened.decode(np.float32([z])).flatten().numpy()
    assert not np.array_equal(before, after)
    assert np.abs(after / 255 - expected).max() <= 1 / 255


def test_every_example_is_decoded_as_torch_does(page: Page, opened: TrainedRun) -> None:
    z = opened.encode(opened.modality.to_model(opened.data.split("test").x[:20]))
    script = f"explorer.decode(new Float32Array({z.flatten().tolist()})).then(all => all.map(one => [...one.values]))"
    found = np.array(page.evaluate(script), np.float32)
    assert np.abs(found - opened.decode(z).flatten(1).numpy()).max() < 1 / 255


def test_a_click_pins_an_example_and_two_pins_make_a_path(page: Page) -> None:
    page.evaluate("explorer.map.pin(3); document.querySelectorAll('#pins button')[0].click()")
    page.evaluate("explorer.map.pin(7); document.querySelectorAll('#pins button')[1].click()")
    page.wait_for("!document.getElementById('strip').hidden")
    first, second = page.evaluate("explorer.map.marks.map(mark => mark.point)")
    assert text(page, "distance") == f"distance {np.hypot(first[0] - second[0], first[1] - second[1]):.2f}"
    assert "example 7" in text(page, "example-caption")


def test_a_lasso_holds_what_it_surrounds(page: Page, opened: TrainedRun) -> None:
    left, top, width, height = place(page, "map")
    middle = left + width / 2
    page.drag(
        (left + 5, top + 5),
        (middle, top + 5),
        (middle, top + height - 5),
        (left + 5, top + height - 5),
        modifiers=SHIFT,
    )
    inside = page.evaluate(
        "(map => map.onScreen().filter(i => map.toScreen(map.points[2*i], map.points[2*i+1])[0] < map.size().width / 2)"
        ".length)(explorer.map)"
    )
    assert text(page, "selection").startswith(f"{inside} selected")
    assert 0 < inside < len(opened.data.split("test").x)


def test_a_drag_pans_and_the_legend_filters(page: Page) -> None:
    before = page.evaluate("explorer.map.view.x")
    left, top, width, height = place(page, "map")
    page.drag((left + width / 2, top + height / 2), (left + width / 2 + 60, top + height / 2))
    assert page.evaluate("explorer.map.view.x") < before
    shown = page.evaluate("explorer.map.visible.reduce((a, b) => a + b)")
    page.evaluate("document.querySelector('#legend button').click()")
    assert page.evaluate("explorer.map.visible.reduce((a, b) => a + b)") < shown


def test_a_drawing_goes_through_the_model(page: Page, opened: TrainedRun) -> None:
    left, top, width, height = place(page, "paper")
    page.drag(*((left + width / 2, top + height * part / 10) for part in range(2, 9)))
    page.wait_for("document.getElementById('own-caption').textContent.includes('nearest')")
    given = pixels(page, "own-input").astype(np.float32) / 255
    assert given.max() > 0.3
    expected = opened.reconstruct(torch.from_numpy(given.reshape(1, 1, 8, 8))).flatten().numpy()
    assert np.abs(pixels(page, "own-output") / 255 - expected).max() <= 2 / 255


def test_a_file_of_ones_own_goes_through_the_model(page: Page, opened: TrainedRun, tmp_path: Path) -> None:
    image = opened.data.split("test").x[5]
    image_files.write_image(image.repeat(3, 1, 1).numpy(), tmp_path / "own.png")
    document = page.order("DOM.getDocument")["root"]["nodeId"]
    field = page.order("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    page.order("DOM.setFileInputFiles", nodeId=field, files=[str(tmp_path / "own.png")])
    page.wait_for("document.getElementById('own-caption').textContent.includes('nearest')")
    assert np.abs(pixels(page, "own-input").astype(int) - image.flatten().numpy()).max() <= 1
    (tmp_path / "own.txt").write_text("no picture")
    page.order("DOM.setFileInputFiles", nodeId=field, files=[str(tmp_path / "own.txt")])
    page.wait_for("document.getElementById('own-caption').textContent.startsWith('own.txt: not a picture')")


def test_a_dropped_file_is_taken_too(page: Page, opened: TrainedRun) -> None:
    image = opened.data.split("test").x[9].flatten().tolist()
    page.evaluate(f"""(async values => {{
        const canvas = new OffscreenCanvas(8, 8), image = new ImageData(8, 8);
        values.forEach((value, pixel) => image.data.set([value, value, value, 255], 4 * pixel));
        canvas.getContext("2d").putImageData(image, 0, 0);
        const transfer = new DataTransfer();
        transfer.items.add(new File([await canvas.convertToBlob()], "own.png", {{type: "image/png"}}));
        document.dispatchEvent(new DragEvent("drop", {{dataTransfer: transfer, cancelable: true}}));
    }})({image})""")
    page.wait_for("document.getElementById('own-caption').textContent.includes('nearest')")
    assert pixels(page, "own-input").tolist() == image


def test_a_link_restores_the_view(page: Page, page_file: Path) -> None:
    page.evaluate("explorer.map.zoom(2, 100, 100); explorer.map.pin(4)")
    page.wait_for("location.hash.length > 1")
    view, z = page.evaluate("[explorer.map.view, [...explorer.state.z]]")
    load(page, page_file, page.evaluate("location.hash"))
    again, z_again = page.evaluate("[explorer.map.view, [...explorer.state.z]]")
    assert z == z_again
    assert again == pytest.approx(view, rel=1e-4)
    load(page, page_file, "#z=nonsense&s=-1&x=a")
    assert text(page, "problem") == ""


def test_names_of_a_run_are_text(
    browser: Page, opened: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe = observations.observe
    monkeypatch.setattr("aectl.explorer.contents.observe", lambda *args: observe(*args)._replace(classes=[ATTACK] * 10))
    page = load(browser, explore(opened, tmp_path / "attack.html", ExploreOptions(n=50))[0])
    page.evaluate("explorer.map.pin(1); document.querySelector('#legend button').click()")
    assert ATTACK in text(page, "example-caption")
    assert not page.evaluate("window.attacked === true || document.querySelector('img') !== null")


def test_without_the_runtime_sliders_show_what_was_decoded_before(
    browser: Page, opened: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aectl.explorer.contents.read_runtime", dict)
    page = load(browser, explore(opened, tmp_path / "still.html", ExploreOptions(n=50))[0])
    assert "python -m aectl.explorer.fetch_runtime" in text(page, "problem")
    left, top, width, height = place(page, "unit-0")
    page.drag((left + 0.5 * width, top + height / 2), (left + 0.8 * width, top + height / 2))
    high = pixels(page, "decoded")
    page.drag((left + 0.8 * width, top + height / 2), (left + 0.2 * width, top + height / 2))
    assert not np.array_equal(high, pixels(page, "decoded"))
    assert "from the mean of one class" in text(page, "strip-caption")


def test_a_restoring_run_restores_in_the_page(browser: Page, trained: dict[str, Path], tmp_path: Path) -> None:
    page = load(browser, explore(package.open(trained["rednet"]), tmp_path / "page.html", ExploreOptions(n=30))[0])
    assert page.evaluate("document.getElementById('map-panel').hidden")
    page.evaluate("(n => (n.value = 0, n.oninput()))(document.getElementById('noise'))")
    page.wait_for("document.getElementById('restore-caption').textContent.startsWith('PSNR: input 100.0 dB')")
    page.evaluate("(n => (n.value = 0.3, n.oninput()))(document.getElementById('noise'))")
    page.wait_for("/input 1\\d\\.\\d dB/.test(document.getElementById('restore-caption').textContent)")
