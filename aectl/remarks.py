"""What a run says of itself while it trains: one line on standard error and in its log."""

import logging
import sys

log = logging.getLogger(__name__)


def notify(line: str) -> None:
    """Says it in both places."""
    print(f"aectl train: {line}", file=sys.stderr)
    log.info(line)
