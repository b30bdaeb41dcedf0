"""Progress on standard error: a bar in a terminal, a line every ten seconds elsewhere."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self, TypeVar

from rich import progress
from rich.console import Console

PLAIN_SECONDS = 10.0

T = TypeVar("T")
Item_co = TypeVar("Item_co", covariant=True)


class SizedIterable(Protocol[Item_co]):
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Item_co]: ...


class Progress:
    """How many of `total` things are done; as a context it draws a bar that disappears at the end, or prints lines."""

    def __init__(self, what: str, total: int) -> None:
        console = Console(stderr=True)
        self.what, self.total, self.done = what, total, 0.0
        self.plain = not console.is_terminal
        self.bar = progress.Progress(console=console, transient=True, disable=self.plain)
        self.task = self.bar.add_task(what, total=total)
        self.started = self.printed = time.monotonic()

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def advance(self, amount: float = 1.0) -> None:
        """Adds `amount` of one thing to what is done."""
        self.done += amount
        self.bar.update(self.task, completed=self.done)
        now = time.monotonic()
        if self.plain and now - self.printed >= PLAIN_SECONDS and self.done < self.total:
            self.printed = now
            left = (now - self.started) * (self.total - self.done) / self.done
            share = f"{self.done / self.total:.0%}  {int(self.done + 1e-6)} of {self.total}"
            self.bar.console.print(f"{self.what}  {share}  {left:.0f} s left", highlight=False, soft_wrap=True)


def track(items: SizedIterable[T], what: str) -> Iterator[T]:
    """The items, with their progress."""
    with Progress(what, len(items)) as shown:
        for item in items:
            yield item
            shown.advance()
