"""What a page holds, and what a stranger's run cannot make it do."""

import gzip
import json
import re
from pathlib import Path

import pytest

import aectl as package
from aectl.errors import UserError
from aectl.explorer import contents, fetch_runtime, runtime
from aectl.explorer.explore import ExploreOptions, explore
from aectl.explorer.facts import NOT_EVALUATED, evaluation
from aectl.io.html import as_json
from tests.conftest import Aectl

ATTACK = "</script><img src=x onerror=alert(1)>"


def facts_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_command_writes_a_page_that_asks_nobody(aectl: Aectl, trained: dict[str, Path], tmp_path: Path) -> None:
    result = aectl("explore", str(trained["ae"]), f"output={tmp_path}/ae.html", "n=50")
    assert re.fullmatch(
        r"wrote \S+ae.html \(.*B\): open it in a browser; it needs no network", result.out.splitlines()[-1]
    )
    page = (tmp_path / "ae.html").read_text()
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="', page)
    facts = facts_of(tmp_path / "ae.html")
    assert (facts["count"], facts["latent"]["exact"], facts["latent"]["caption"]) == (
        50,
        True,
        "the latent plane itself",
    )


def test_without_the_runtime_the_page_says_what_brings_it(
    trained: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "read_runtime", dict)
    page, missing = explore(package.open(trained["ae"]), tmp_path / "page.html", ExploreOptions(n=20))
    assert missing == [contents.NO_RUNTIME]
    assert facts_of(page)["parts"] == []
    assert 'id="file-grid"' in page.read_text()
    assert 'id="file-decoder.onnx"' not in page.read_text()


def test_a_restoring_model_without_a_latent_has_no_map(trained: dict[str, Path], tmp_path: Path) -> None:
    page, _ = explore(package.open(trained["rednet"]), tmp_path / "page.html", ExploreOptions(n=20))
    facts = facts_of(page)
    assert facts["latent"] is None
    assert facts["noise"]["kind"] == "gaussian"
    assert facts["shown"] == 20


def test_text_of_a_run_cannot_leave_its_element() -> None:
    text = as_json({"name": ATTACK})
    assert "<" not in text
    assert json.loads(text) == {"name": ATTACK}


@pytest.mark.parametrize("output", ["page.txt", "folder"])
def test_an_output_that_is_no_page_is_refused(aectl: Aectl, trained: dict[str, Path], output: str) -> None:
    result = aectl("explore", str(trained["ae"]), f"output={output}")
    assert result.status == 2
    assert f"output={output}: not the name of a page; expected output=FILE.html" in result.err


def test_a_run_on_vectors_is_refused(tmp_path: Path, trained: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened = package.open(trained["ae"])
    monkeypatch.setattr(opened.model, "shape", (64,))
    with pytest.raises(UserError, match="picture files need a run on images"):
        explore(opened, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_options_are_checked() -> None:
    with pytest.raises(UserError, match=r"n=0: expected"):
        ExploreOptions(n=0)
    with pytest.raises(UserError, match=r"map=tsne: expected"):
        ExploreOptions(map="tsne")  # type: ignore[arg-type]


def test_scores_of_an_evaluation_are_shown_and_nonsense_is_left_out(tmp_path: Path) -> None:
    assert evaluation(tmp_path)["note"] == NOT_EVALUATED
    report = tmp_path / "eval" / "digits" / "metrics.json"
    report.parent.mkdir(parents=True)
    scores = {"psnr": {"mean": 20.5}, "odd": "text"}
    baselines = {"median": {"psnr": {"mean": 18.0}, "n": 3}, "odd": 7}
    embeddings = {"units": 16, "active": 9, "note": "a smaller model.latent_dim would do"}
    report.write_text(
        json.dumps(
            {"scores": scores, "baselines": baselines, "verdict": {"sentence": "wins"}, "embeddings": embeddings}
        )
    )
    assert evaluation(tmp_path) == {
        "note": "wins",
        "health": "9 of 16 latent dimensions are active: a smaller model.latent_dim would do",
        "scores": {"psnr": 20.5},
        "baselines": {"median": {"psnr": 18.0}, "odd": {}},
    }
    for nonsense in ("[]", "{", '{"scores": 3, "baselines": "x", "verdict": [], "embeddings": {"units": "many"}}'):
        report.write_text(nonsense)
        assert evaluation(tmp_path)["scores"] == {}


def test_a_runtime_that_is_not_the_pinned_one_is_not_used(tmp_path: Path) -> None:
    assert runtime.read_runtime(tmp_path) == {}
    for name in runtime.CHECKSUMS:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"something else"))
    assert runtime.read_runtime(tmp_path) == {}


def test_fetching_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_runtime.shutil, "which", lambda _: None)
    monkeypatch.setattr(fetch_runtime.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^npm: not on this machine; pip install 'aectl\[explore\]'"):
        fetch_runtime.fetch(tmp_path)
    monkeypatch.setattr(fetch_runtime, "npm_command", lambda: ["false"])
    with pytest.raises(UserError, match=r"^npm pack onnxruntime-web@.*: no reason given; expected the package"):
        fetch_runtime.fetch(tmp_path)
    assert not list(tmp_path.iterdir())
