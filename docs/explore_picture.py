"""Draws docs/images/explore.png: the page of a run in headless Chromium, `python -m docs.explore_picture RUN`."""

import sys
import tempfile
from pathlib import Path

import aectl
from tests.support.browser import chromium

TARGET = Path(__file__).parent / "images" / "explore.png"
COLOURS = 64  # of the palette of the file
STEPS = (
    "explorer.map.pin(3); document.querySelectorAll('#pins button')[0].click()",
    "explorer.map.pin(12); document.querySelectorAll('#pins button')[1].click()",
    "new Promise(done => setTimeout(done, 1000))",
)


def main(run: str) -> None:
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder) / "profile") as browser:
        page = aectl.open(run).explore(Path(folder) / "index.html")
        browser.load(page)
        for step in STEPS:
            browser.evaluate(step)
        picture = browser.screenshot()
    picture.quantize(COLOURS).save(TARGET, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
