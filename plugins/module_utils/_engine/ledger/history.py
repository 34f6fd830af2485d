# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a ledger tells about files: what was sent and fetched, what is under way, and what needs a decision."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..config import options as read
from ..config.account import account_name
from ..config.schedule import WEEK, duration
from ..errors import LedgerError
from ..states import DIRECTIONS, OUTCOMES
from .ledger import Ledger, Row

_OUTCOME = " ".join(
    [
        "CASE state",
        *(f"WHEN '{state.value}' THEN '{outcome}'" for outcome, states in OUTCOMES.items() for state in sorted(states)),
        "END",
    ]
)
_GRAVITY = f"CASE {_OUTCOME} WHEN 'held' THEN 0 WHEN 'unfinished' THEN 1 ELSE 2 END"

MOST = 100_000
_TRIES = 5


@dataclass(frozen=True)
class Question:
    """What is asked of a ledger. Nothing given: everything.

    :ivar since: only what has changed since then, in seconds since 1970.
    :ivar name: an fnmatch pattern for file names, minding the case.
    :ivar most: how many entries to return at most.
    """

    account: str | None = None
    direction: str | None = None
    job: str | None = None
    outcomes: tuple[str, ...] = ()
    since: float | None = None
    name: str | None = None
    most: int = 1000


@dataclass(frozen=True)
class Capability:
    """What earlier runs learned of an account's server; ``learned_at`` in seconds since 1970."""

    account: str
    name: str
    allowed: bool
    learned_at: float


@dataclass
class History:
    """The answer.

    :ivar entries: rows with their outcomes: what is held first, then what is unfinished, each with the latest first.
    :ivar counts: how many have each outcome, those beyond ``most`` too.
    """

    entries: list[tuple[Row, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    capabilities: list[Capability] = field(default_factory=list)


def question_from_options(options: Mapping[str, object]) -> Question:
    """A Question from options by their public names; an account by what is said of it, if anything is.

    :raises InputError: an option cannot be meant as it stands.
    """
    outcomes = read.strings(options, "outcome") or ()
    for outcome in outcomes:
        read.choice({"outcome": outcome}, "outcome", tuple(OUTCOMES), "")
    name = read.patterns(options, "name")
    direction = options.get("direction")
    return Question(
        account=account_name(options),
        direction=None if direction is None else read.choice(options, "direction", DIRECTIONS, ""),
        outcomes=outcomes,
        since=_moment(options, "since"),
        name=name[0] if name else None,
        most=read.integer(options, "max_results", Question.most, low=0, high=MOST),
    )


def _moment(options: Mapping[str, object], name: str) -> float | None:
    """Seconds since 1970, from a stretch of time until now or a date in ISO 8601: in UTC, unless it says otherwise."""
    value = read.text(options, name)
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+\s*[smhdw]", value.strip()):
        return time.time() - (duration(options, name, low=0, high=100 * 52 * WEEK) or 0)
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", value.strip()))
    except ValueError as error:
        way_out = f"Set {name} to the like of 2026-04-10, 2026-04-10T06:00:00Z or 7d."
        raise read.invalid(name, value, "is neither a date nor a stretch of time", way_out) from error
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def ask(ledger: str, question: Question) -> History:
    """Read a ledger, and write nothing, not even beside it.

    :raises LedgerError: it is missing, or cannot be read.
    """
    for _try in range(_TRIES):
        before = _state_of(ledger)
        try:
            found = _answer(ledger, question)
        except LedgerError:
            if _state_of(ledger) == before:
                raise
        else:
            if before.has_log or _state_of(ledger) == before:
                return found
    raise LedgerError("ledger_busy", f"The ledger {ledger!r} is changing all the time.", "Try again later.")


class _State(NamedTuple):
    """What tells whether a ledger was written to: without a log it is read as it lies there, and nobody is kept from
    starting to write.
    """

    has_log: bool
    size: int
    mtime_ns: int


def _state_of(ledger: str) -> _State:
    try:
        status = os.stat(ledger)
    except OSError:
        return _State(False, 0, 0)
    return _State(os.path.exists(f"{ledger}-wal"), status.st_size, status.st_mtime_ns)


def _answer(path: str, question: Question) -> History:
    with closing(Ledger(path, read_only=True, must_exist=True)) as ledger:
        where, values = _condition(question)
        found = History()
        found.counts.update(ledger.look(f"SELECT {_OUTCOME}, count(*) FROM transfer {where} GROUP BY 1", values))
        order = f"ORDER BY {_GRAVITY}, changed_at DESC, id DESC LIMIT ?"
        found.entries = [(row, outcome_of(row)) for row in ledger.rows(f"{where} {order}", [*values, question.most])]
        found.capabilities = _capabilities(ledger, question.account)
        return found


def _condition(question: Question) -> tuple[str, Sequence[Any]]:
    conditions, values = ["TRUE"], []
    for condition, value in (
        ("account = ?", question.account),
        ("direction = ?", question.direction),
        ("job = ?", question.job),
        ("changed_at >= ?", question.since),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if question.outcomes:
        conditions.append(f"{_OUTCOME} IN ({', '.join('?' * len(question.outcomes))})")
        values.extend(question.outcomes)
    if question.name is not None:
        conditions.append("name GLOB ?")  # fnmatch's patterns, but for how they say "none of these"
        values.append(question.name.replace("[!", "[^"))
    return f"WHERE {' AND '.join(conditions)}", values


def outcome_of(row: Row) -> str:
    """What people see of a row's state: one of `states.OUTCOMES`."""
    return next(outcome for outcome, states in OUTCOMES.items() if row.state in states)


def _capabilities(ledger: Ledger, account: str | None) -> list[Capability]:
    query = "SELECT account, name, allowed, learned_at FROM capability WHERE account = ? OR ? IS NULL ORDER BY 1, 2"
    return [
        Capability(name, what, bool(allowed), at) for name, what, allowed, at in ledger.look(query, (account, account))
    ]
