"""The page of a run in headless Chromium, from its file and without a network."""

from functools import partial
from pathlib import Path
from typing import Literal

from aectl.explorer.explore import ExploreOptions, explore
from tests.benchmarks.processes import quietly
from tests.benchmarks.timing import PAIRS, Row, row
from tests.benchmarks.verbs import short_run
from tests.support.browser import Page, chromium

READY_IN = "parseFloat(document.getElementById('status').textContent.match(/[\\d.]+/)[0])"
SLIDER = """(async () => {
    const times = [], input = document.querySelector('#sliders input');
    for (let turn = 0; turn < 50; turn++) {
        input.value = Number(input.min) + (turn / 50) * (input.max - input.min);
        const begin = performance.now();
        input.oninput();
        await explorer.decode(explorer.state.z); // done after the one that the slider asked for
        times.push((performance.now() - begin) / 1000);
    }
    return times.sort((a, b) => a - b)[25];
})()"""
PAN = """(async () => {
    const begin = performance.now();
    for (let frame = 0; frame < 100; frame++) {
        explorer.map.pan(frame % 2 ? 3 : -3, 1);
        await new Promise(requestAnimationFrame);
    }
    return (performance.now() - begin) / 100 / 1000;
})()"""
MEASURES = {
    "ready": ("page of a Fashion-MNIST VAE, from opening to ready", READY_IN, 2.5),
    "slider": ("page: from a slider to the picture", SLIDER, 0.016),
    "pan": ("page: a frame of panning 10,000 points", PAN, 1 / 50),
}


def in_page(what: Literal["ready", "slider", "pan"], folder: Path) -> Row:
    """Seconds of one thing that the page of the default VAE does, beside what it may take."""
    work, script, allowed = MEASURES[what]
    page = folder / "index.html"
    quietly(partial(explore, short_run("vae", folder), page, ExploreOptions()))
    with chromium(folder / "profile") as browser:
        pairs = [(measured(browser, page, script), allowed) for _ in range(PAIRS)]
    return row(work, f"{1000 * allowed:.0f} ms", 1.0, pairs, others=0.0)  # the browser would count among the others


def measured(browser: Page, page: Path, script: str) -> float:
    browser.load(page)
    return browser.evaluate(script)
