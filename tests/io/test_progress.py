"""Progress is shown where standard error is no terminal, and within one thing."""

import pytest

from aectl.io import progress


def test_a_pipe_gets_a_line_now_and_then(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    assert list(progress.track(range(4), "encode")) == [0, 1, 2, 3]
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [["encode", f"{25 * k}%", f"{k} of 4"] for k in (1, 2, 3)]
    assert all(line.endswith(" s left") for line in lines)


def test_what_is_quick_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert sum(progress.track(range(100), "encode")) == 4950
    assert capfd.readouterr().err == ""


def test_parts_of_one_thing_count(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.0)
    with progress.Progress("predict", 2) as shown:
        shown.advance(0.5)
        shown.advance(0.5)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("  ")[1:3] for line in lines] == [["25%", "0 of 2"], ["50%", "1 of 2"]]
