"""What the side panel says of a run: its config, and what its last evaluation found."""

import json
from pathlib import Path
from typing import Any

from aectl.inference.trained_run import TrainedRun
from aectl.io.archives import read_text
from aectl.runs.index import newest_file
from aectl.runs.run import num_parameters

MOST_BYTES = 5_000_000  # of a metrics.json
NOT_EVALUATED = "not evaluated yet: aectl eval RUN, then aectl explore RUN again, shows its scores here"


def run_facts(trained: TrainedRun) -> dict[str, Any]:
    """Title, size and config of a run, with scores, baselines and health if it was evaluated."""
    run = trained.run
    return {
        "title": run.title,
        "parameters": num_parameters(trained.model),
        "config": run.config_text,
        **evaluation(run.folder),
    }


def evaluation(folder: Path) -> dict[str, Any]:
    """The numbers of a run's newest evaluation; of a file that may be a stranger's, only what is as expected."""
    found = newest_file(folder.glob("eval/*/metrics.json"))
    try:
        report = json.loads(read_text(found, MOST_BYTES)) if found else {}
    except (OSError, ValueError):
        report = {}
    if not isinstance(report, dict) or not report:
        return {"note": NOT_EVALUATED, "scores": {}, "baselines": {}}
    verdict, embeddings = (report.get(name) or {} for name in ("verdict", "embeddings"))
    return {
        "note": text(verdict, "sentence"),
        "health": health(embeddings),
        "scores": means(report.get("scores")),
        "baselines": baselines(report.get("baselines")),
    }


def text(node: Any, key: str) -> str:
    value = node.get(key) if isinstance(node, dict) else None
    return value if isinstance(value, str) else ""


def health(embeddings: Any) -> str:
    """How many units are active, and what it means."""
    if not isinstance(embeddings, dict) or not isinstance(embeddings.get("units"), int):
        return ""
    note = text(embeddings, "note")
    active = f"{embeddings.get('active')} of {embeddings['units']} latent dimensions are active"
    return f"{active}: {note}" if note else active


def means(scores: Any) -> dict[str, float]:
    if not isinstance(scores, dict):
        return {}
    found = {name: value.get("mean") for name, value in scores.items() if isinstance(value, dict)}
    return {str(name): mean for name, mean in found.items() if isinstance(mean, int | float)}


def baselines(rows: Any) -> dict[str, dict[str, float]]:
    rows = rows if isinstance(rows, dict) else {}
    return {str(name): means(row) for name, row in rows.items()}
