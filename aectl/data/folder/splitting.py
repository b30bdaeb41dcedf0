"""Assigns files to splits by their content, so that copies of a file stay in one split."""

from collections.abc import Mapping

import numpy as np

from aectl.data.source import SplitName

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


def split_files(
    content: Mapping[str, str], folders: Mapping[str, SplitName], shares: Mapping[SplitName, float], seed: int
) -> dict[str, SplitName | None]:
    """The split of each file, or None if it is a copy of a file in an earlier split.

    Arguments:
        content: a hash of each file.
        folders: the split of each file that lies in a split's folder; all others are for training.
        shares: the shares of the files that are held out for splits without a folder.
        seed: chooses these files.
    """
    fixed: dict[str, SplitName] = {}
    for split in SPLITS:
        for name, digest in content.items():
            if folders.get(name, "train") == split:
                fixed.setdefault(digest, split)
    pool = sorted(digest for digest, split in fixed.items() if split == "train")
    order = np.random.default_rng(seed).permutation(len(pool))
    start = 0
    for split in sorted(set(shares) - set(folders.values())):
        end = start + (max(1, round(shares[split] * len(pool))) if shares[split] and len(pool) > len(SPLITS) else 0)
        fixed.update({pool[index]: split for index in order[start:end]})
        start = end
    return {
        name: None if is_copy(folders.get(name), fixed[digest]) else fixed[digest] for name, digest in content.items()
    }


def is_copy(folder: SplitName | None, split: SplitName) -> bool:
    """Whether a file lies in the folder of a held-out split, but its content belongs to another split."""
    return folder in ("val", "test") and folder != split
