# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Query a ledger: which files were sent and fetched, which are unfinished, and which need a decision."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..config import options as read
from ..config.accounts.account import account_name
from ..config.schedule import WEEK, duration
from ..errors import LedgerError
from ..states import DIRECTIONS, OPEN_OUTCOMES, OUTCOMES
from .decisions import RESOLVED
from .ledger import CLOSED_FILES, OPEN_FILES, Ledger, Row
from .locks import JobKey
from .soundness import NUMBER

_OUTCOME = " ".join(
    [
        "CASE state",
        *(f"WHEN '{state.value}' THEN '{outcome}'" for outcome, states in OUTCOMES.items() for state in sorted(states)),
        "END",
    ]
)


def _counts(outcomes: Iterable[str]) -> str:
    """Return the columns that count outcomes: one pass over the rows, without a sort. There may be millions."""
    return ", ".join(
        f"COUNT(CASE WHEN state IN ({', '.join(repr(state.value) for state in sorted(OUTCOMES[one]))}) THEN 1 END)"
        for one in outcomes
    )


_CLOSED = tuple(one for one in OUTCOMES if one not in OPEN_OUTCOMES)
_GRAVITY = f"CASE {_OUTCOME} WHEN 'held' THEN 0 WHEN 'waiting' THEN 1 ELSE 2 END,"

MOST = 100_000
_TRIES = 5


@dataclass(frozen=True)
class Question:
    """Define a query. Each field that is given limits the result; without any, the query returns everything.

    :ivar since: only rows that changed at or after this time, in seconds since 1970.
    :ivar name: an fnmatch pattern for file names; case-sensitive.
    :ivar most: the maximum number of entries to return.
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
    """Hold what earlier runs learned about an account's server. ``learned_at`` is in seconds since 1970."""

    account: str
    name: str
    allowed: bool
    learned_at: float


@dataclass
class History:
    """Hold the result of a query.

    :ivar entries: rows with their outcomes. Held files come first, then waiting, then unfinished files, then all
        others. Each group starts with the latest change. A file that waits without a row in the ledger has a row in the
        state NEW, which changed when the file began to wait.
    :ivar counts: the number of rows with each outcome, including rows beyond ``most``.
    :ivar is_unlocked: the ledger was read without a lock.
    """

    entries: list[tuple[Row, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    capabilities: list[Capability] = field(default_factory=list)
    is_unlocked: bool = False


def question_from_options(options: Mapping[str, object]) -> Question:
    """Build a Question from options by their public names. Account options, if any are given, determine the account.

    :raises InputError: an option is invalid.
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
    """Convert a duration before now, or an ISO 8601 date, to seconds since 1970. A date without a zone is in UTC."""
    value = read.text(options, name)
    if value is None:
        return None
    if re.fullmatch(r"[0-9]+\s*[smhdw]", value.strip()):
        return time.time() - (duration(options, name, low=0, high=100 * 52 * WEEK) or 0)
    try:
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", value.strip()))
    except ValueError as error:
        way_out = f"Set {name} to a value such as 2026-04-10, 2026-04-10T06:00:00Z or 7d."
        raise read.invalid(name, value, "is neither a date nor a duration", way_out) from error
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def ask(ledger: str, question: Question) -> History:
    """Query a ledger. Nothing is written, not even a file beside it.

    :raises LedgerError: the ledger is missing, cannot be read, or changes all the time.
    """
    for _try in range(_TRIES):
        before = _state_of(ledger)
        try:
            found = _answer(ledger, question)
        except LedgerError:
            if _state_of(ledger) == before:
                raise
        else:
            if not found.is_unlocked or _state_of(ledger) == before:
                return found
    raise LedgerError("ledger_busy", f"The ledger {ledger!r} is changing all the time.", "Retry later.")


class _State(NamedTuple):
    """Record the state of a ledger file, to detect a write.

    A ledger without a log is read without a lock, so another process may start to write meanwhile.
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
        found = History(is_unlocked=ledger.is_unlocked)
        for source, outcomes, more in _sources(question):
            (counts,) = ledger.look(f"SELECT {_counts(outcomes)} FROM {source} {where} {more}", values)
            found.counts.update(zip(outcomes, counts))
            order = f"{more} ORDER BY {_GRAVITY if not more else ''} changed_at DESC, id DESC LIMIT ?"
            rows = ledger.rows(f"{where} {order}", [*values, question.most - len(found.entries)], of=source)
            found.entries += [(row, outcome_of(row)) for row in rows]
        found.capabilities = _capabilities(ledger, question.account)
        return found


def _sources(question: Question) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield what to read, its outcomes, and a further condition. History is read only if the question is about it."""
    yield OPEN_FILES, OPEN_OUTCOMES, ""
    if not question.outcomes or not {*question.outcomes} <= {*OPEN_OUTCOMES}:
        yield CLOSED_FILES, _CLOSED, "AND open = 0"


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
        conditions.append("name GLOB ?")  # the patterns of fnmatch, except for the negated set "[!...]"
        values.append(question.name.replace("[!", "[^"))
    return f"WHERE {' AND '.join(conditions)}", values


def delivered_between(ledger: Ledger, job: JobKey, start: float, end: float) -> int:
    """Return how many files of a job were delivered after one moment, up to another, in seconds since 1970."""
    states = sorted(OUTCOMES["delivered"])
    where = "account = ? AND direction = ? AND job = ? AND open = 0 AND changed_at > ? AND changed_at <= ?"
    query = f"SELECT count(*) FROM {CLOSED_FILES} WHERE {where} AND state IN ({', '.join('?' * len(states))})"
    ((found,),) = ledger.look(query, (*job, start, end, *states), (int,))
    return int(found)


_ACCEPTING = ("answer", "handler")


def outcome_of(row: Row) -> str:
    """Return the public outcome of a row's state: a key of `states.OUTCOMES`."""
    return next(outcome for outcome, states in OUTCOMES.items() if row.state in states)


def evidence_of(row: Row) -> str | None:
    """Return what showed that the copy of a delivered file is complete; None if a person decided that instead."""
    return row.verified_by if outcome_of(row) == "delivered" and row.reason != RESOLVED else None


def accepted_by(row: Row) -> str | None:
    """Return what showed that the receiver has accepted a file, and not only taken it; None if nothing did.

    A files API answers with each file that it has processed. An import is accepted when its handler has ended well.
    SFTP and FTP have nothing of that kind.
    """
    evidence = evidence_of(row)
    return evidence if evidence in _ACCEPTING else None


def _capabilities(ledger: Ledger, account: str | None) -> list[Capability]:
    query = "SELECT account, name, allowed, learned_at FROM capability WHERE account = ? OR ? IS NULL ORDER BY 1, 2"
    found = ledger.look(query, (account, account), (str, str, int, NUMBER))
    return [Capability(name, what, bool(allowed), at) for name, what, allowed, at in found]
