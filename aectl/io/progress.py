"""A bar for work that takes a while, in a terminal alone."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)


class Countable(Protocol[Item_co]):
    """What can be gone through and knows how long that is."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item_co]: ...


def bar(items: Countable[T], what: str) -> Iterator[T]:
    """The items, with a bar on stderr that says how far they have come and goes when they are done."""
    console = Console(stderr=True)
    yield from track(
        iter(items), what, console=console, total=len(items), transient=True, disable=not console.is_terminal
    )
