"""A table over runs as one HTML page that needs no network: to sort, filter and pick runs, with plots by Plotly."""

import html
from importlib.util import find_spec
from pathlib import Path

from aectl.errors import UserError
from aectl.io.html import as_json, fill
from aectl.search.table.page_data import page_data
from aectl.search.table.run_table import RunTable

PAGE = "compare.html"
"""The name of a page whose path nobody has chosen."""
WEB = Path(__file__).parent / "web"


def render(table: RunTable, title: str) -> str:
    """The page; names from a run, which may be a stranger's, are data in it and never markup."""
    parts = {
        "TITLE": html.escape(title),
        "STYLE": (WEB / "style.css").read_text(),
        "DATA": as_json(page_data(table, title)),
        "PLOTLY": plotly().replace("</", "<\\/"),
        "SCRIPT": (WEB / "page.js").read_text(),
    }
    return fill(WEB / "page.html", parts)


def plotly() -> str:
    """The source of Plotly for a page, from its Python package; a UserError if that is not installed."""
    if (file := plotly_file()) is None:
        raise UserError("format=html needs plotly, which is not installed: pip install 'aectl[page]'")
    return file.read_text()


def has_plotly() -> bool:
    return plotly_file() is not None


def plotly_file() -> Path | None:
    """Where Plotly lies in its package, of which nothing is imported; None without it."""
    spec = find_spec("plotly")
    file = Path(spec.origin).parent / "package_data" / "plotly.min.js" if spec and spec.origin else None
    return file if file and file.is_file() else None
