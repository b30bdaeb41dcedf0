"""Puts a page together: one HTML file that asks no server for anything."""

import base64
import gzip
import html
import re
from collections.abc import Iterator
from pathlib import Path

from aectl.explorer.contents import Contents
from aectl.explorer.runtime import LICENSE
from aectl.io.html import as_json, fill

WEB = Path(__file__).parent / "web"
RELATIVE_IMPORT = re.compile(r'(from\s+)"\./([\w-]+)\.js"')


def render(contents: Contents) -> str:
    """The page; names from a run, which may be a stranger's, are data in it and never markup."""
    parts = {
        "TITLE": html.escape(f"{contents.facts['run']['title']} · aectl explore"),
        "STYLE": (WEB / "style.css").read_text(),
        "IMPORTS": as_json({"imports": {f"aectl/{path.stem}": as_url(path) for path in sorted(WEB.glob("*.js"))}}),
        "FACTS": as_json(contents.facts),
        "FILES": "\n".join(embedded(contents)),
        "PANELS": (WEB / f"{contents.facts['view']}.html").read_text(),
        "VIEW": contents.facts["view"],
        "LICENSE": html.escape(LICENSE if contents.packed else ""),
    }
    return fill(WEB / "page.html", parts)


def as_url(module: Path) -> str:
    """A module of the page as a URL; what it imports from beside it is found in the page's import map."""
    source = RELATIVE_IMPORT.sub(r'\1"aectl/\2"', module.read_text())
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"


def embedded(contents: Contents) -> Iterator[str]:
    """An element for each file: base64 of gzip."""
    for name, content in contents.files.items():
        yield element(name, gzip.compress(content, 9, mtime=0))
    for name, packed in contents.packed.items():
        yield element(name, packed)


def element(name: str, content: bytes) -> str:
    return f'<script type="text/plain" id="file-{name}">{base64.b64encode(content).decode()}</script>'
