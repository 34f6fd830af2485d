# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way out for what is held: a person decides, the ledger notes it, and the next run of the job goes by it.

    direction   decision    the row becomes        the next run
    drop-off    resend      resend, open           removes our temporary file, and sends what is there under a free name
    drop-off    delivered   delivered *            does with the original what `after` says
    drop-off    discard     discarded *            leaves the original alone until its size or time changes
    pickup      resend      resend, open           fetches it as if it had not come before
    pickup      delivered   placed, open           does with it what `after` says, if a fresh download is the same
    pickup      discard     discarded              leaves it alone until its size or time changes

    * history at once, unless there may be a temporary file of ours on the server, which the next run removes first

Only what is held can be resolved. A decision for `resend` or `discard` can be followed by another one as long as
nothing has come of it; `delivered` stands.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..config import options as read
from ..config.account import account_name
from ..config.paths import default_ledger
from ..errors import InputError, JobRunning, TransferError
from ..local.names import quoted
from ..states import DECIDED, DECISIONS, DIRECTIONS, HOLDS, OUTCOMES, State
from .ledger import Ledger, Row
from .locks import JobKey, only_run

CHOICES = ("resend", "delivered", "discard")

RESOLVED = "resolved"
"""The reason in a row that a person has decided about."""


@dataclass(frozen=True)
class Wanted:
    """Which held files a decision is about.

    :ivar names: file names, or paths of originals (of the local one for a drop-off, the remote one for a pickup).
        None: all that is held.
    :ivar account: only of this account, by its name in the ledger.
    :ivar direction: only ``dropoff`` or ``pickup``.
    :ivar job: only of the job of this name.
    """

    names: tuple[str, ...] | None = None
    account: str | None = None
    direction: str | None = None
    job: str | None = None


def wanted_from_options(options: Mapping[str, object]) -> Wanted:
    """A Wanted from options by their public names; an account by what is said of it, if anything is.

    :raises InputError: an option cannot be meant as it stands, or nobody says which files are meant.
    """
    names = read.strings(options, "name")
    if not names and not options.get("all_held"):
        raise read.missing(
            "name", "this names no file", "Name files, or set all_held to decide about all that is held."
        )
    if names and options.get("all_held"):
        raise read.invalid("name", list(names), "is given as well as all_held", "Leave one of the two out.")
    direction = options.get("direction")
    return Wanted(
        names=names or None,
        account=account_name(options),
        direction=None if direction is None else read.choice(options, "direction", DIRECTIONS, ""),
    )


@dataclass(frozen=True)
class Decided:
    """One file with its row before and after; equal where it was decided so already."""

    before: Row
    after: Row

    @property
    def changed(self) -> bool:
        return self.before.state is not self.after.state


def resolve(ledger: str, wanted: Wanted, decision: str, *, check: bool = False) -> list[Decided]:
    """Take a decision about held files, while no run of their jobs is under way.

    About all that are wanted; where one of them cannot be resolved, about none.

    :param decision: one of CHOICES.
    :raises InputError: a file is not known, not held, or named so that it may be one of several.
    :raises JobRunning: a run of a file's job is at work.
    :raises LedgerError: the ledger is missing, or cannot be used.
    """
    with closing(Ledger(ledger, must_exist=True, read_only=check)) as book, ExitStack() as locks:
        rows = _chosen(book, wanted, decision)
        if not check:
            jobs = sorted({JobKey.of(row) for row in rows})
            for job in jobs:
                locks.enter_context(only_run(ledger, job))
            rows = _chosen(book, wanted, decision)
            if not {JobKey.of(row) for row in rows} <= set(jobs):
                raise JobRunning("job_running", "The ledger is changing; a run is at work.", "Try again.")
        decided = [Decided(row, _decided(row, decision)) for row in rows]
        if not check:
            _record(book, [one for one in decided if one.changed])
        return decided


def _record(book: Ledger, decided: Iterable[Decided]) -> None:
    """In one transaction, durably."""
    rows = [dataclasses.replace(one.before) for one in decided]
    answers = [book.commit(row, one.after.state, reason=RESOLVED) for row, one in zip(rows, decided)]
    book.run()
    for answer in answers:
        answer.result()


# --- what a decision means for a row


def _decided(row: Row, decision: str) -> Row:
    """The row as the decision leaves it; see the table above."""
    if _standing(row) == decision:
        return row
    whole, with_leftover = DECISIONS[row.direction][decision]
    return dataclasses.replace(row, state=with_leftover if row.temporary else whole, reason=RESOLVED)


def _standing(row: Row) -> str | None:
    """The decision that a person took about a row, if nothing else became of it since."""
    if row.state in DECIDED:
        return DECIDED[row.state]
    is_taken = row.reason == RESOLVED and row.state in (State.PLACED, *OUTCOMES["delivered"])
    return "delivered" if is_taken else None


# --- which rows are meant


def _chosen(book: Ledger, wanted: Wanted, decision: str) -> list[Row]:
    """The rows to decide about, each of which can be."""
    if wanted.account is not None:
        _require_known(book, wanted.account)
    if wanted.names is None:
        held = sorted(HOLDS)
        return _newest(book, wanted, f"state IN ({', '.join('?' * len(held))})", held)
    return [_row_named(book, wanted, name, decision) for name in dict.fromkeys(wanted.names)]


_NEWER = (
    "SELECT 1 FROM transfer AS newer WHERE newer.account = transfer.account AND newer.direction = transfer.direction"
    " AND newer.folder = transfer.folder AND newer.name = transfer.name AND newer.id > transfer.id"
)


def _newest(book: Ledger, wanted: Wanted, condition: str, values: Sequence[Any]) -> list[Row]:
    """Rows that fulfil a condition and are the newest of their files."""
    filters, given = condition, [*values]
    for column in ("account", "direction", "job"):
        value = getattr(wanted, column)
        if value is not None:
            filters, given = f"{filters} AND {column} = ?", [*given, value]
    return list(book.rows(f"WHERE {filters} AND NOT EXISTS ({_NEWER}) ORDER BY id", given))


def _row_named(book: Ledger, wanted: Wanted, name: str, decision: str) -> Row:
    found = _newest(book, wanted, "name = ?", (os.path.basename(name),))
    if "/" in name:
        found = [row for row in found if path_of(row) == name]
    if not found:
        raise _unknown(book, wanted, name)
    held = [row for row in found if row.state.is_held]
    meant = held or [row for row in found if _standing(row)] or found
    if len(meant) > 1:
        raise _ambiguous(name, meant)
    row = meant[0]
    if not row.state.is_held and _standing(row) not in ("resend", "discard", decision):
        raise _not_held(row)
    return row


def path_of(row: Row) -> str:
    """The path of a row's original, on its side."""
    return os.path.join(row.folder, row.name)


def _require_known(book: Ledger, account: str) -> None:
    known = [name for (name,) in book.look("SELECT DISTINCT account FROM transfer ORDER BY account", ())]
    if account not in known:
        raise InputError(
            "account_unknown",
            f"The ledger {book.path!r} has no file of an account {account!r}.",
            f"It has files of: {', '.join(known) or 'none'}.",
        )


def _unknown(book: Ledger, wanted: Wanted, name: str) -> InputError:
    where = "".join(f" of the {what} {value!r}" for what, value in _filters(wanted))
    return InputError(
        "file_unknown",
        f"The ledger {book.path!r} knows no file {quoted(name)}{where}.",
        "See courier.filedrop.ledger_info with `outcome: held` for what needs a decision. A drop-off that only waits "
        "for its name to come free on the server needs none: it is sent once the name is free.",
    )


def _filters(wanted: Wanted) -> Iterable[tuple[str, str]]:
    named = (("account", wanted.account), ("direction", wanted.direction), ("job", wanted.job))
    return [(what, value) for what, value in named if value is not None]


def _ambiguous(name: str, rows: Iterable[Row]) -> InputError:
    choices = "; ".join(f"{row.direction} of {quoted(path_of(row))}, account {row.account}" for row in rows)
    return InputError(
        "file_ambiguous",
        f"There are several files {quoted(name)}: {choices}.",
        "Name one of them by its path, and set `account` and `direction` where that is not enough.",
    )


def _not_held(row: Row) -> InputError:
    since = datetime.fromtimestamp(row.changed_at, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
    return InputError(
        "not_held",
        f"{quoted(path_of(row))} is not held: its state is {row.state.value!r} since {since}.",
        "There is nothing to decide. The next run of its job goes on with it."
        if row.open
        else "There is nothing to decide.",
    )


# --- what is said where there is something to decide


def way_out(row: Row, ledger: str) -> str:
    """What to type to resolve a held row, by way of the face that runs its job: only the command's jobs have names of
    their own.
    """
    finding_out = {
        "dropoff": "Find out from the provider what became of it, and decide",
        "pickup": f"Compare it with the one that came before ({quoted(row.local_path or 'unknown')}), and decide",
    }[row.direction]
    if read.LABEL.fullmatch(row.job):
        command = f"filedrop resolve {row.job} {shlex.quote(row.name)}"
        return f"{finding_out}: `{command} --resend`, `--delivered` or `--discard`."
    options = {"account": row.account, "direction": row.direction, "name": path_of(row)}
    if os.path.abspath(ledger) != default_ledger():
        options["ledger"] = ledger
    told = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in options.items())
    task = f"courier.filedrop.resolve: {{{told}, decision: resend}}"
    return f"{finding_out} by a task `{task}`, or with delivered or discard in the place of resend."


class Discarded(TransferError):
    """A person has decided that a file is not to be moved as it is."""

    def __init__(self) -> None:
        super().__init__(
            "discarded",
            "Somebody has decided to discard it, so it is left alone until its size or its time changes.",
            "Take it away, or resolve it with `resend` if it is to go after all.",
        )
