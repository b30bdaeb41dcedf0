"""The models by family, each with its line and its papers, read from the configs and the sources without torch."""

import ast
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from aectl.config import CONFIGS, PACKAGE, options, suggest
from aectl.errors import UserError

MODELS = PACKAGE / "models"
BASES = {"ae": "deterministic", "vae": "variational"}
"""The families of the modules that stand beside the folders of the families, as most models derive from them."""


class ModelEntry(NamedTuple):
    """A choice of `model=`.

    Arguments:
        name: the choice.
        family: the folder that its class is in.
        line: what it is.
        papers: title (authors, year) and link of each reference of its class, or of its file in configs/.
        target: the class.
    """

    name: str
    family: str
    line: str
    papers: list[str]
    target: str


@cache
def list_models() -> list[ModelEntry]:
    """The shipped models, by family and name."""
    return sorted(map(read_entry, options("model")), key=lambda entry: (entry.family, entry.name))


def read_entry(name: str) -> ModelEntry:
    target = read_target(name)
    parts = target.split(".")[2:-1]
    family = parts[0] if len(parts) > 1 else BASES[parts[0]]
    own = re.findall(r"^# Paper: (.+)", (CONFIGS / "model" / f"{name}.yaml").read_text(), re.MULTILINE)
    return ModelEntry(name, family, describe_choice("model", name), own or find_papers(read_docstring(target)), target)


def read_target(name: str) -> str:
    """The class of a choice: its own or, of one that only changes numbers, that of the choice it starts from."""
    config = yaml.safe_load((CONFIGS / "model" / f"{name}.yaml").read_text())
    if "_target_" in config:
        return str(config["_target_"])
    bases = [base for base in config["defaults"] if isinstance(base, str) and base != "_self_"]
    return read_target(bases[0])


def describe_choice(group: str, choice: str) -> str:
    """The first comment of a config's file: what the choice is."""
    lines = (CONFIGS / group / f"{choice}.yaml").read_text().splitlines()
    return next(line[2:] for line in lines if line.startswith("# ") and "@package" not in line)


def read_docstring(target: str) -> str:
    """The docstring of a class, without importing it."""
    module, _, name = target.removeprefix("aectl.").rpartition(".")
    tree = ast.parse((PACKAGE / Path(*module.split("."))).with_suffix(".py").read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    return ast.get_docstring(found) or ""


def find_papers(docstring: str) -> list[str]:
    """The references of a docstring, each in one line with its link. A reference may have several lines."""
    section = re.search(r"^References:\n((?:[ \t]+\S.*\n?)+)", docstring, re.MULTILINE)
    text = " ".join(line.strip() for line in section[1].splitlines()) if section else ""
    return [paper.strip() for paper in re.sub(r" \| (?=http)", ", ", text).split("| ") if paper]


def format_models() -> str:
    """A block a family: the name of each model, what it is, and its first paper."""
    entries = list_models()
    width = max(len(entry.name) for entry in entries)
    blocks = []
    for family in dict.fromkeys(entry.family for entry in entries):
        lines = [f"{family}: {describe_family(family)}"]
        for entry in (entry for entry in entries if entry.family == family):
            lines.append(f"  {entry.name:<{width}}  {entry.line}")
            lines += [f"  {'':<{width}}  {paper}" for paper in entry.papers[:1]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def describe_family(family: str) -> str:
    """The docstring of the folder of a family, as the rest of a sentence."""
    path = MODELS / family / "__init__.py"
    text = (ast.get_docstring(ast.parse(path.read_text())) or "") if path.exists() else ""
    return f"{text[:1].lower()}{text[1:].rstrip('.')}"


def describe_model(name: str) -> str:
    """What a choice is, the docstring of its class, and its keys with their values; a UserError if there is none."""
    names = [entry.name for entry in list_models()]
    if name not in names:
        raise UserError(f"{name}: no such model; expected one of {', '.join(names)}{suggest(name, names)}")
    entry = list_models()[names.index(name)]
    keys = (CONFIGS / "model" / f"{name}.yaml").read_text().split("\n", 1)[1].rstrip()
    docstring, keys = read_docstring(entry.target), textwrap.indent(keys, "    ")
    return f"aectl train model={name}   {entry.line}\n\n{docstring}\n\nKeys (model.KEY=VALUE):\n\n{keys}"
