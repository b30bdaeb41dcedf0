"""A progress bar, shown in a terminal only."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from rich import progress
from rich.console import Console

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)


class SizedIterable(Protocol[Item_co]):
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item_co]: ...


def track(items: SizedIterable[T], what: str) -> Iterator[T]:
    """The items, with a progress bar on standard error that disappears at the end."""
    console = Console(stderr=True)
    yield from progress.track(
        iter(items), what, console=console, total=len(items), transient=True, disable=not console.is_terminal
    )
