"""The page over many runs: it stands alone, answers the mouse, and a stranger's names are no markup in it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aectl.search.table import page as module
from aectl.search.table.collect import collect
from aectl.search.table.importance import importance
from aectl.search.table.page import render
from aectl.search.table.ranking import rank
from aectl.search.table.run_table import Row, RunTable
from tests.conftest import Aectl
from tests.search.test_significance import evaluate
from tests.support.browser import Page, chromium
from tests.support.synthetic_runs import VAE, write_run

pytestmark = pytest.mark.skipif(not module.has_plotly(), reason="plotly is not installed")
ATTACK = "<img src=x onerror='window.attacked=1'><⁄script><script>window.attacked=1<⁄script>"
"""The name of a folder; the slash of a closing element cannot be in one."""
CELLS = "[...document.querySelectorAll('#table tbody tr')].map(row => row.cells[COLUMN].textContent)"
POINTS = "document.getElementById('PLOT').data.flatMap(trace => trace.x.length)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten runs of two seeds each with a PSNR that rises with their code, and one of a stranger."""
    root = tmp_path_factory.mktemp("page") / "outputs"
    draws = np.random.default_rng(0)
    for latent_dim in range(1, 11):
        for seed in (0, 1):
            config = {"model.latent_dim": latent_dim, "optimizer.lr": [1e-3, 1e-2][latent_dim % 2], "seed": seed}
            metrics = {**VAE, "val/loss": -latent_dim - seed / 10, "val/psnr": 10.0 + latent_dim}
            run = write_run(root / f"dim-{latent_dim}-{seed}", config, metrics)
            if latent_dim > 8:
                shown = draws.integers(0, 255, (3, 1, 8, 8), np.uint8)
                scores = np.full(20, float(latent_dim)) + draws.normal(0, 0.1, 20)
                path = evaluate(run, scores) / "examples.npz"
                np.savez(path, psnr=scores.astype(np.float32), shown_target=shown, shown_output=shown)
    write_run(root / ATTACK, {"optimizer.lr": "</script><script>window.attacked=1</script>"}, {**VAE, "val/loss": 9.0})
    return root


def table_of(folder: Path) -> RunTable:
    runs = collect([folder]).runs
    return RunTable.of(runs, rank(runs), seeds=True).with_differences()


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed")
    file = tmp_path_factory.mktemp("html") / "page.html"
    file.write_text(render(table_of(folder), "runs of a test"))
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        browser.load(file)
        yield browser


def column(page: Page, index: int) -> list[str]:
    return page.evaluate(CELLS.replace("COLUMN", str(index)))


def head(page: Page, name: str) -> int:
    """The index of a column by its name."""
    heads = page.evaluate("[...document.querySelectorAll('#table th')].map(cell => cell.textContent)")
    return heads.index(name)


def type_filter(page: Page, text: str) -> None:
    page.evaluate(
        f"(box => {{ box.value = {json.dumps(text)}; box.dispatchEvent(new Event('input')); }})"
        "(document.getElementById('filter'))"
    )


def click(page: Page, selector: str) -> None:
    page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")


class TestInABrowser:
    def test_it_shows_the_table_with_means_over_seeds(self, page: Page) -> None:
        assert page.evaluate("document.getElementById('status').textContent") == "11 of 11 rows, 10 runs picked"
        assert column(page, 0)[0] == "dim-10-1"
        assert column(page, head(page, "val/loss"))[0] == "-10.050 ±0.071"
        click(page, "#seeds")
        assert len(column(page, 0)) == 21
        click(page, "#seeds")

    def test_a_click_on_a_head_sorts_by_numbers_and_a_second_one_turns_it_round(self, page: Page) -> None:
        index = head(page, "model.latent_dim")
        dims = []
        for _ in range(2):
            page.evaluate(f"document.querySelectorAll('#table th')[{index}].click()")
            dims.append([int(text) for text in column(page, index)])
        assert dims[0] == sorted(dims[0]) and dims[1] == sorted(dims[0], reverse=True)
        assert len(dims[0]) == 11

    @pytest.mark.parametrize(
        ("text", "n"), [("psnr>18", 2), ("latent_dim<=3 lr=0.01", 2), ("DIM-7", 1), ("nothing", 0), ("model=vae", 11)]
    )
    def test_a_filter_leaves_rows_and_points(self, text: str, n: int, page: Page) -> None:
        type_filter(page, text)
        assert len(column(page, 0)) == n
        points = sum(page.evaluate(POINTS.replace("PLOT", "scatter")))
        assert points == (21 if n == 11 else 2 * n)
        type_filter(page, "")

    def test_a_filter_that_is_not_understood_says_so(self, page: Page) -> None:
        type_filter(page, "pnsr>3")
        assert page.evaluate("document.getElementById('problem').textContent") == "no run has pnsr"
        type_filter(page, "")

    def test_picked_runs_have_curves_and_pictures(self, page: Page) -> None:
        click(page, "#pick-none")
        assert page.evaluate("document.querySelectorAll('#pictures img').length") == 0
        type_filter(page, "dim-10")
        click(page, "#table tbody tr")
        type_filter(page, "")
        names = page.evaluate("document.getElementById('curves').data.map(trace => trace.name)")
        assert sorted(names) == ["dim-10-0", "dim-10-1"]
        pictures = "[...document.querySelectorAll('#pictures img')].map(image => image.naturalWidth)"
        page.wait_for(f"{pictures}.every(width => width === 8)")
        assert len(page.evaluate(pictures)) == 9
        heads = page.evaluate("[...document.querySelectorAll('#pictures th')].map(cell => cell.textContent)")
        assert heads[0] == "target" and {head.split()[0] for head in heads[1:]} == {"dim-10-0", "dim-10-1"}

    def test_parallel_coordinates_and_importance_are_drawn(self, page: Page) -> None:
        assert page.evaluate("document.getElementById('parallel').data.length") == 21
        assert page.evaluate("document.querySelectorAll('#importance .bars .point').length") >= 2
        assert "random forest" in page.evaluate("document.getElementById('importance-caption').textContent")

    def test_a_strangers_names_run_nothing(self, page: Page) -> None:
        assert ATTACK in column(page, 0)
        type_filter(page, "onerror")
        click(page, "#table tbody tr")
        assert page.evaluate("window.attacked") is None
        assert page.evaluate("document.querySelector('img[src=x]')") is None
        type_filter(page, "")


def test_the_page_asks_nobody_and_holds_no_markup_of_a_run(folder: Path) -> None:
    text = render(table_of(folder), "<b>title</b>")
    before = text[: text.index("/**\n* plotly.js")]
    assert "default-src 'none'" in before and "<b>title" not in before and "<img" not in before
    assert len(re.findall(r"</script>", text)) == 3
    assert not re.search(r'(?:src|href)="', before)


def test_the_command_writes_it_beside_the_runs(aectl: Aectl, folder: Path, tmp_path: Path) -> None:
    result = aectl("compare", str(folder), "format=html", f"output={tmp_path}/new/page.html")
    assert result.out == f"wrote {tmp_path}/new/page.html: open it in a browser; it needs no network\n"
    write_run(tmp_path / "outputs" / "a")
    assert aectl("compare", "format=html").out.startswith("wrote outputs/compare.html")


def test_without_plotly_one_line_says_what_to_install(
    aectl: Aectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "outputs" / "a")
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    result = aectl("compare", "format=html")
    assert (result.status, result.err) == (
        2,
        "aectl compare: format=html needs plotly, which is not installed: pip install 'aectl[page]'\n",
    )
    assert not (tmp_path / "outputs" / "compare.html").exists()


def test_the_key_that_decides_is_the_important_one(folder: Path) -> None:
    runs = [run for run in collect([folder]).runs if "dim" in run.folder]
    rows = [Row([run]) for run in runs]
    found = importance(rows, ["model.latent_dim", "optimizer.lr"], "val/psnr")
    assert found
    assert next(iter(found.drops)) == "model.latent_dim" and found.drops["model.latent_dim"] > 1
    assert found.drops["optimizer.lr"] < 0.1 and found.r2 > 0.9 and found.n == 20
    assert importance(rows[:7], ["model.latent_dim"], "val/psnr") is None
