"""`make faults`: tries the faults of docs/reliability.md many times; prints the table and writes outputs/faults.json.

A test says how often it tried by `record_property("tried", ...)`, or has tried once.
"""

import json
import os
import re
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

FACTOR = int(os.environ.get("AECTL_FAULTS", "1"))
"""How many times as often as in `make test`."""
OUT = Path("outputs/faults.json")


class Row(NamedTuple):
    """One line of the table.

    Arguments:
        fault: what happens.
        outcome: what comes of it, if all goes well.
        tests: the files, classes or functions that try it.
    """

    fault: str
    outcome: str
    tests: tuple[str, ...]


ROWS = (
    Row(
        "a training of one player or two is stopped in a random step or at a random moment, by SIGKILL, SIGINT or "
        "SIGTERM, and resumed, again and again",
        "weights, optimizers, curves and all else end the same, bit by bit",
        ("cli/test_resume.py::test_runs_killed_in_random_steps_and_resumed_end_in_the_same_bits",),
    ),
    Row(
        "a process that works on a sweep is killed by SIGKILL at a random moment, and another one goes on",
        "every job exists once and is done; no two processes train one at once; the runs end in the same bits",
        (
            "search/test_jobs.py::test_jobs_of_killed_workers_are_taken_up_by_others",
            "search/test_study.py::test_search_whose_workers_are_killed_has_every_trial_once",
            "cli/test_sweeps.py::test_sweep_whose_worker_is_killed_at_random_ends_in_the_same_bits",
        ),
    ),
    Row(
        "the writer of a checkpoint is killed",
        "the new one is whole, or the former one is there",
        ("training/test_checkpoint_io.py::test_killed_writer_leaves_an_intact_checkpoint",),
    ),
    Row(
        "a bit of a checkpoint changes, or its end is missing",
        "noticed; the one before is taken, with a line",
        (
            "training/test_checkpoint_io.py::test_every_flipped_bit_is_detected_or_harmless",
            "training/test_checkpoint_io.py::test_previous_checkpoint_is_used_if_the_last_is_truncated",
        ),
    ),
    Row(
        "the disk is full while a checkpoint or a table is written, or too short before",
        "one line; the last good checkpoint stays, and the run goes on later",
        (
            "training/test_checkpoint_io.py::test_full_disk_leaves_the_former_checkpoints_as_they_were",
            "cli/test_stopping.py::test_full_disk_ends_in_one_line_and_the_run_resumes",
            "cli/test_out_of_memory.py::TestDisk::test_low_disk_space_is_a_warning",
            "cli/test_out_of_memory.py::TestDisk::test_disk_without_space_for_one_checkpoint_is_an_error",
        ),
    ),
    Row(
        "a loss or a gradient is NaN, infinite, or too large to be squared",
        "no bit of weights or moments changes; one line names term, step, player and remedy",
        ("training/test_nonfinite.py",),
    ),
    Row(
        "memory runs out",
        "one line with the key to lower; a sweep goes on",
        ("cli/test_out_of_memory.py::TestFaults",),
    ),
    Row(
        "8 processes want one lock, map, download, fit, file or folder; some are killed",
        "each is made once, and none is shared or torn",
        ("io/test_concurrency.py",),
    ),
    Row(
        "a stranger's run, checkpoint, array or picture is an attack",
        "refused in one line, within 5 s and 500 MB; nobody's code runs",
        ("runs/test_hostile_configs.py", "runs/test_hostile_files.py"),
    ),
    Row("a fuzzed config", "read, or refused in one line", ("runs/test_fuzz.py::test_the_config_reader",)),
    Row("a fuzzed checkpoint", "the same", ("runs/test_fuzz.py::test_the_checkpoint_reader",)),
    Row("a fuzzed folder of pictures", "the same", ("runs/test_fuzz.py::test_the_image_folder_reader",)),
    Row("fuzzed arrays and latents", "the same", ("runs/test_fuzz.py::test_the_readers_of_arrays_and_latents",)),
    Row(
        "a run of an earlier version is opened",
        "it computes what it did, or says which version opens it",
        ("runs/test_upgrades.py",),
    ),
)


def main() -> None:
    """Runs the tests of all rows."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        nodes = [str(here / test) for row in ROWS for test in row.tests]
        status = pytest.main([*nodes, "--quiet", "--no-header", f"--junitxml={report}", "-o", "junit_family=xunit1"])
        tried, failed = counted(report)
    rows = [
        {
            "fault": row.fault,
            "tried": sum(of(tried, test) for test in row.tests),
            "failed": sum(of(failed, test) for test in row.tests),
            "outcome": row.outcome,
        }
        for row in ROWS
    ]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2))
    for row in rows:
        print(f"{row['tried']:>7,} tried, {row['failed']:,} failed: {row['fault']}: {row['outcome']}")
    sys.exit(status)


def counted(report: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each test has tried, and how many of them have failed."""
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("skipped") is None:
            properties = {each.get("name"): each.get("value") for each in case.iter("property")}
            tried[name] += int(properties.get("tried") or 1)
            failed[name] += case.find("failure") is not None or case.find("error") is not None
    return tried, failed


def of(counts: Counter[str], test: str) -> int:
    """The sum over the tests of a file, a class or a function."""
    start = "tests." + re.sub(r"\.py$|\.py(?=::)", "", test).replace("/", ".").replace("::", ".")
    return sum(number for name, number in counts.items() if name.startswith(start))


if __name__ == "__main__":
    main()
