# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell which files were placed for partners, which of them still lie there, and since when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ...config.schedule import DAY, HOUR, MINUTE
from ...ledger.owner import as_owner
from ...run.place import Placed, placed
from ...text import iso_time
from ..console import count_of

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger
    from ..context import CommandContext

MOST_FETCHED = 100
"""The number of files that are told although they do not lie there any more: the latest ones."""


def placed_files(context: CommandContext, ledger: Ledger) -> list[Placed]:
    """Return all placed files that still lie there, and the latest of the others, by account."""
    with as_owner(context.ledger, reading=True):
        found = list(placed(ledger, context.configuration.root_of))
    gone = [one for one in found if not one.lies_there][:MOST_FETCHED]
    return sorted([*(one for one in found if one.lies_there), *gone], key=attrgetter("account", "since"))


def placed_document(one: Placed) -> dict[str, Any]:
    """Return a placed file for programs."""
    return {
        "account": one.account,
        "path": one.path,
        "size": one.size,
        "placed_at": iso_time(one.since),
        "fetched": not one.lies_there,
        "fetched_at": None if one.fetched_at is None else iso_time(one.fetched_at),
    }


def placed_lines(found: Sequence[Placed]) -> Iterator[str]:
    """Yield a line for each account for which files were placed."""
    for account, group in groupby(found, key=attrgetter("account")):
        files = list(group)
        lying = [one for one in files if one.lies_there]
        fetched = [one for one in files if not one.lies_there]
        parts = []
        if lying:
            age = _age(time.time() - min(one.since for one in lying))
            parts.append(f"{count_of(len(lying), 'file')} not fetched yet, the oldest for {age}")
        if fetched:
            times = [one.fetched_at for one in fetched if one.fetched_at is not None]
            latest = f", the latest at {iso_time(max(times))}" if times else ""
            parts.append(f"{count_of(len(fetched), 'file')} fetched{latest}")
        yield f"    placed for {account}: {'; '.join(parts)}."


def _age(seconds: float) -> str:
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds >= unit:
            return f"{int(seconds // unit)}{letter}"
    return f"{int(max(0, seconds))}s"
