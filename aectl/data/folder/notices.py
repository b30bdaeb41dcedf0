"""What a folder of pictures says on standard error before training."""

import sys
from collections.abc import Iterable
from pathlib import Path

from aectl.data.folder.memmap import Store
from aectl.data.folder.probe import ICON_SIDE, Header, is_icon
from aectl.data.folder.resize import Resize
from aectl.types import Shape, format_shape


def notify_all(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def describe_icons(root: Path, headers: list[Header], resize: Resize) -> list[str]:
    """How many pictures are icons, and what becomes of them."""
    icons = sum(map(is_icon, headers))
    if not icons or icons == len(headers):
        return []
    fate = "left out where smaller than a patch" if resize == "patches" else "enlarged"
    return [
        f"dataset.root={root}: icons among the pictures: {icons} of {len(headers)}, with a side of {ICON_SIDE} pixels "
        f"or less, {fate}; move them elsewhere if they are no examples of what the model should learn"
    ]


def describe_small_shape(shape: Shape, size: tuple[int, int] | None) -> list[str]:
    if size or min(shape[1:]) > ICON_SIDE:
        return []
    return [
        f"dataset.size=null: images of {format_shape(shape[1:])} pixels, after the smallest pictures: a model has "
        "little to learn from them; dataset.size=32 enlarges them"
    ]


def describe_patches(store: Store, pictures: int) -> str:
    return (
        f"dataset.resize=patches: {sum(store.index.counts.values()):,} patches of "
        f"{format_shape(store.index.shape[1:])} pixels at full resolution from {pictures:,} pictures; "
        "dataset.resize=crop scales whole pictures instead"
    )
