"""A headless Chromium that says what a page shows, shadow DOM included; speaks its DevTools protocol over two pipes."""

import base64
import io
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PIL import Image

SECONDS_TO_LIVE = 120.0
SECONDS_TO_SHOW = 30.0
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"),
    *("--window-size=1400,1000", "--remote-debugging-pipe"),
)
READY = "document.documentElement?.dataset.ready === 'true'"
"""Whether a page of ours has drawn everything."""
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
WHAT_IS_SEEN = """(() => {
    const children = (node, kind) => [...(node.shadowRoot ? node.shadowRoot[kind] : []), ...node[kind]];
    const seen = node => node.nodeType !== Node.ELEMENT_NODE || node.checkVisibility();
    const texts = node => !seen(node) ? [] :
        node.nodeType === Node.TEXT_NODE ? [node.data.trim()] : children(node, "childNodes").flatMap(texts);
    const elements = node => [node, ...children(node, "children").flatMap(elements)];
    const images = elements(document.body).filter(e => e.localName === "img" && e.naturalWidth && seen(e));
    const box = e => (({left, top, right, bottom}) => [left, top, right, bottom])(e.getBoundingClientRect());
    return {texts: texts(document.body).filter(Boolean), images: images.map(box)};
})()"""


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A program and all that it starts, killed in the end, or when it has had its time."""
    with subprocess.Popen(command, text=True, start_new_session=True, **options) as process:

        def kill() -> None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(SECONDS_TO_LIVE, kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            kill()


class Page:
    """One page of a browser; the pipes end when the browser is killed, and with them every wait."""

    def __init__(self, read: int, write: int) -> None:
        self.answers = self._messages(os.fdopen(read, "rb", buffering=0))
        self.orders = os.fdopen(write, "wb", buffering=0)
        self.num_orders = 0
        self.session: dict[str, str] = {}
        target = self.order("Target.createTarget", url="about:blank")["targetId"]
        self.session = {"sessionId": self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}

    def _messages(self, pipe: io.FileIO) -> Iterator[dict[str, Any]]:
        rest = b""
        with pipe:
            while part := pipe.read(65536):
                *whole, rest = (rest + part).split(b"\0")
                yield from map(json.loads, whole)

    def order(self, method: str, **params: Any) -> dict[str, Any]:
        self.num_orders += 1
        message = {"id": self.num_orders, "method": method, "params": params, **self.session}
        self.orders.write(json.dumps(message).encode() + b"\0")
        answer = next((answer for answer in self.answers if answer.get("id") == self.num_orders), None)
        if answer is None:
            raise TimeoutError(f"Chromium is gone, or took more than {SECONDS_TO_LIVE:.0f} seconds")
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page, of a promise what it resolves to."""
        answer = self.order("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description"))
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Returns once the expression is true in the page; a TimeoutError if that takes too long."""
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not true after {SECONDS_TO_SHOW:.0f} seconds: {expression}")
            time.sleep(0.05)

    def load(self, file: Path, fragment: str = "") -> None:
        """Opens a page of ours anew, without a network, and waits until it is drawn."""
        self.order("Page.navigate", url="about:blank")
        self.order("Network.emulateNetworkConditions", **OFFLINE)
        self.order("Page.navigate", url=f"{file.resolve().as_uri()}{fragment}")
        self.wait_for(READY)

    def screenshot(self) -> Image.Image:
        png = base64.b64decode(self.order("Page.captureScreenshot")["data"])
        return Image.open(io.BytesIO(png)).convert("RGB")

    def drag(self, *places: tuple[float, float], modifiers: int = 0) -> None:
        """Presses the mouse button at the first place, moves to the others, and lets go at the last."""
        button = {"button": "left", "buttons": 1, "clickCount": 1, "modifiers": modifiers}
        kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1)]
        for kind, (x, y) in zip(kinds, places, strict=True):
            self.order("Input.dispatchMouseEvent", type=kind, x=x, y=y, **button)
        self.order("Input.dispatchMouseEvent", type="mouseReleased", x=places[-1][0], y=places[-1][1], **button)

    def show(self, url: str, ready: Callable[[list[str], list[Any]], bool]) -> tuple[list[str], list[Any], Image.Image]:
        """What is seen of a page once it is ready, or has had its time: texts, the boxes of images, a screenshot."""
        self.order("Page.navigate", url="about:blank")
        self.order("Page.navigate", url=url)
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while True:
            seen = self.order("Runtime.evaluate", expression=WHAT_IS_SEEN, returnByValue=True)["result"].get("value")
            if seen and (ready(seen["texts"], seen["images"]) or time.monotonic() > deadline):
                break
            time.sleep(0.1)
        return seen["texts"], seen["images"], self.screenshot()


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with a fresh profile and one page."""
    (read, their_write), (their_read, write) = os.pipe(), os.pipe()
    pipes = f'exec "$@" 3<&{their_read} 4>&{their_write}'  # where Chromium expects them
    command = ["bash", "-c", pipes, "bash", "chromium", *FLAGS, f"--user-data-dir={profile}"]
    with running(command, pass_fds=(their_read, their_write), stderr=subprocess.DEVNULL):
        os.close(their_read)
        os.close(their_write)
        page = Page(read, write)
        try:
            yield page
        finally:
            page.orders.close()
            page.answers.close()
