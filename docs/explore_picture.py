"""Draws docs/images/explore.png: the page of a run in headless Chromium, `python -m docs.explore_picture RUN [NAME]`.

Of a run on music it draws NAME=explore_music, a taller one.
"""

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import aectl
from tests.support.browser import chromium

IMAGES = Path(__file__).parent / "images"


class Shot(NamedTuple):
    """What is shown: which examples are pinned, by what the map is coloured, pixels, and colours of the file."""

    pins: tuple[int, int]
    colour_by: str
    height: int
    colours: int


SHOTS = {"explore": Shot((3, 12), "class", 913, 64), "explore_music": Shot((3, 12), "notes a bar", 1_330, 160)}


def main(run: str, name: str = "explore") -> None:
    shot = SHOTS[name]
    size = {"width": 1_400, "height": shot.height, "deviceScaleFactor": 1, "mobile": False}
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        page = aectl.open(run).explore(Path(folder) / "index.html")
        browser.order("Emulation.setDeviceMetricsOverride", **size)
        browser.load(page)
        browser.evaluate(
            f"(c => (c.value = '{shot.colour_by}', c.dispatchEvent(new Event('change'))))"
            "(document.getElementById('colour-by'))"
        )
        for place, index in enumerate(shot.pins):
            browser.evaluate(f"explorer.map.pin({index})")
            browser.evaluate(f"document.querySelectorAll('#pins figure > button')[{place}].click()")
        browser.evaluate("new Promise(done => setTimeout(done, 1000))")
        picture = browser.screenshot()
    picture.quantize(shot.colours).save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
