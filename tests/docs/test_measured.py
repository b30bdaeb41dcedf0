"""The tables of speed and of faults say what was measured."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from docs import measured
from tests import faults
from tests.benchmarks.timing import BUSY, row

TESTS = Path(__file__).resolve().parents[1]
REPORT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_often[x]">
<properties><property name="tried" value="30"/></properties></testcase>
<testcase classname="tests.test_a.TestB" name="test_once"/>
<testcase classname="tests.test_a.TestB" name="test_broken"><failure message="m">f</failure></testcase>
<testcase classname="tests.test_a.TestB" name="test_not_here"><skipped message="m">s</skipped></testcase>
</testsuite></testsuites>"""


def test_a_row_of_speed_says_the_median_of_the_ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(1.0, 2.0), (1.0, 1.5), (1.0, 1.8)]
    rows = {
        "quiet": asdict(row("steps", "a loop", 1.6, pairs, others=0.0)),
        "busy": asdict(row("start", "the first", 20, [(0.1, 50.0)], others=2 * BUSY)),
    }
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"machine": "Two cores", "rows": rows}))
    monkeypatch.setattr(measured, "BENCH", path)
    first, *_, quiet, busy = measured.bench().splitlines()
    assert first == "Measured on Two cores."
    assert quiet == "| steps | a loop | 1,000.0 ms | 1,800.0 ms | **1.80** | 1.50 to 2.00 | 1.60 |"
    assert busy == "| start | the first | 100.0 ms | 50.00 s | **500** (others took 16% of the machine) |  | 20.00 |"


def test_a_row_of_faults_says_what_was_tried_and_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"fault": "f", "tried": 6000, "failed": 0, "outcome": "o"},
        {"fault": "g", "tried": 2, "failed": 1, "outcome": "o"},
    ]
    path = tmp_path / "faults.json"
    path.write_text(json.dumps(rows))
    monkeypatch.setattr(measured, "FAULTS", path)
    assert measured.faults().splitlines()[2:] == ["| f | 6,000 | o |", "| g | 2 | **1 failed**; else: o |"]


def test_tries_are_counted_by_what_the_tests_say(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    tried, failed = faults.counted(report)
    counts = [(faults.of(tried, test), faults.of(failed, test)) for test in ("test_a.py", "test_a.py::TestB")]
    assert counts == [(32, 1), (2, 1)]
    assert faults.of(tried, "test_a.py::test_often") == 30


@pytest.mark.parametrize("test", [test for line in faults.ROWS for test in line.tests])
def test_every_test_of_a_fault_is_there(test: str) -> None:
    file, *names = test.split("::")
    text = (TESTS / file).read_text()
    assert all(f"def {name}(" in text or f"class {name}:" in text for name in names)
