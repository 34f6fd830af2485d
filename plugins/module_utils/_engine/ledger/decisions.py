# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Resolve held files: a person decides, the ledger records the decision, and the next run of the job executes it.

    direction   decision    the row becomes        the next run
    drop-off    resend      resend, open           removes our temporary file; sends the file if its name is free
    drop-off    delivered   delivered *            applies `after` to the original
    drop-off    discard     discarded *            does not send the original until its size or time changes
    pickup      resend      resend, open           fetches the file as if it were new
    pickup      delivered   placed, open           applies `after` to it, if a fresh download has the same content
    pickup      discard     discarded              does not fetch it until its size or time changes
    import      resend      resend, open           hands it to the handler as if it were new
    import      delivered   handled, open          moves it to `done_dir`
    import      discard     discarded              leaves it alone until its size or time changes

    * The row is history at once. Exception: our temporary file may still be on the server; then the next run removes
      that file first.

Only held files can be resolved, and files whose whole upload waits for a taken name. A decision for `resend` or
`discard` can be replaced by another one until a run has executed it. A decision for `delivered` is final.
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
from ..config.accounts.account import account_name
from ..config.paths import default_ledger
from ..errors import HoldError, InputError, JobRunning, SkipError
from ..local.names import quoted
from ..states import DECIDED, DECISIONS, DIRECTIONS, OUTCOMES, State
from .ledger import OPEN_FILES, Ledger, Row
from .locks import JobKey, only_run
from .owner import as_owner

CHOICES = ("resend", "delivered", "discard")

RESOLVED = "resolved"
"""The reason of a row that a person has decided."""


@dataclass(frozen=True)
class Wanted:
    """Select the held files for a decision.

    :ivar names: file names, or paths of originals: the local path for a drop-off, the remote path for a pickup.
        None: all held files.
    :ivar account: only files of this account, by its name in the ledger.
    :ivar direction: only ``dropoff`` or ``pickup``.
    :ivar job: only files of the job with this name.
    """

    names: tuple[str, ...] | None = None
    account: str | None = None
    direction: str | None = None
    job: str | None = None


def wanted_from_options(options: Mapping[str, object]) -> Wanted:
    """Build a Wanted from options by their public names. Account options, if any are given, determine the account.

    :raises InputError: an option is invalid, or neither ``name`` nor ``all_held`` is given.
    """
    names = read.strings(options, "name")
    if not names and not options.get("all_held"):
        raise read.missing(
            "name", "this option is missing", "Set it to file names, or set all_held to decide about all held files."
        )
    if names and options.get("all_held"):
        raise read.invalid("name", list(names), "is given together with all_held", "Leave one of the two out.")
    direction = options.get("direction")
    return Wanted(
        names=names or None,
        account=account_name(options),
        direction=None if direction is None else read.choice(options, "direction", DIRECTIONS, ""),
    )


@dataclass(frozen=True)
class Decided:
    """Hold one file's row before and after the decision. Both are equal if the same decision was made before."""

    before: Row
    after: Row

    @property
    def changed(self) -> bool:
        return self.before.state is not self.after.state


def resolve(ledger: str, wanted: Wanted, decision: str, *, check: bool = False) -> list[Decided]:
    """Record a decision about held files, while no run of their jobs is in progress.

    The decision applies to all selected files. If one of them cannot be resolved, nothing is recorded.

    :param decision: one of CHOICES.
    :param check: return the result, and change nothing.
    :raises InputError: a file is unknown, not held, or its name is ambiguous.
    :raises JobRunning: a run of a file's job is in progress.
    :raises LedgerError: the ledger is missing, or cannot be used.
    """
    with ExitStack() as locks:
        locks.enter_context(as_owner(ledger, reading=check))
        book = locks.enter_context(closing(Ledger(ledger, must_exist=True, read_only=check)))
        rows = _chosen(book, wanted, decision)
        if not check:
            jobs = sorted({JobKey.of(row) for row in rows})
            for job in jobs:
                locks.enter_context(only_run(ledger, job))
            rows = _chosen(book, wanted, decision)
            if not {JobKey.of(row) for row in rows} <= set(jobs):
                raise JobRunning("job_running", "The ledger is changing: a run is in progress.", "Retry.")
        decided = [Decided(row, _decided(row, decision)) for row in rows]
        if not check and any(one.changed for one in decided):
            _record(book, [one for one in decided if one.changed])
        return decided


def _record(book: Ledger, decided: Iterable[Decided]) -> None:
    """Write the decisions durably, in one transaction. A file with a decision no longer waits."""
    rows = [dataclasses.replace(one.before) for one in decided]
    answers = [book.commit(row, one.after.state, reason=RESOLVED) for row, one in zip(rows, decided)]
    book.run()
    for answer in answers:
        answer.result()
    where = " AND ".join(f"{column} = ?" for column in ("account", "direction", "folder", "name"))
    book.change(f"DELETE FROM waiting WHERE {where}", [(r.account, r.direction, r.folder, r.name) for r in rows])


# --- the effect of a decision on a row


def _decided(row: Row, decision: str) -> Row:
    """Return the row after the decision; see the table above."""
    if _standing(row) == decision:
        return row
    whole, with_leftover = DECISIONS[row.direction][decision]
    return dataclasses.replace(row, state=with_leftover if row.temporary else whole, reason=RESOLVED)


def _standing(row: Row) -> str | None:
    """Return the decision that a person made about a row, if the row has not moved on since; else None."""
    if row.state in DECIDED:
        return DECIDED[row.state]
    is_taken = row.reason == RESOLVED and row.state in (State.PLACED, *OUTCOMES["delivered"])
    return "delivered" if is_taken else None


# --- selection of rows


def _chosen(book: Ledger, wanted: Wanted, decision: str) -> list[Row]:
    """Return the selected rows, each of which can be resolved.

    :raises InputError: a file is unknown, not held, or its name is ambiguous.
    """
    if wanted.account is not None:
        _require_known(book, wanted.account)
    if wanted.names is None:
        return _newest(book, wanted, "state = ?", [State.HELD.value])
    return [_row_named(book, wanted, name, decision) for name in dict.fromkeys(wanted.names)]


_NEWER = (
    "SELECT 1 FROM transfer AS newer WHERE newer.account = transfer.account AND newer.direction = transfer.direction"
    " AND newer.folder = transfer.folder AND newer.name = transfer.name AND newer.id > transfer.id"
)


def _newest(book: Ledger, wanted: Wanted, condition: str, values: Sequence[Any]) -> list[Row]:
    """Return the rows that match a condition and are the newest rows of their files."""
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
    open_to_decide = [row for row in found if row.state.is_decidable]
    meant = open_to_decide or [row for row in found if _standing(row)] or found
    if len(meant) > 1:
        raise _ambiguous(name, meant)
    row = meant[0]
    if not row.state.is_decidable and _standing(row) not in ("resend", "discard", decision):
        raise _not_held(row)
    return row


def path_of(row: Row) -> str:
    """Return the path of a row's original: local for a drop-off, remote for a pickup."""
    return os.path.join(row.folder, row.name)


def _require_known(book: Ledger, account: str) -> None:
    known = [name for (name,) in book.look("SELECT DISTINCT account FROM transfer ORDER BY account", ())]
    if account not in known:
        raise InputError(
            "account_unknown",
            f"The ledger {book.path!r} has no files of an account {account!r}.",
            f"It has files of: {', '.join(known) or 'none'}.",
        )


def _unknown(book: Ledger, wanted: Wanted, name: str) -> InputError:
    for row in list(book.rows("WHERE state = '' AND name = ?", (os.path.basename(name),), of=OPEN_FILES)):
        if all(getattr(row, what) == value for what, value in _filters(wanted)) and name in (row.name, path_of(row)):
            finding = f"{quoted(path_of(row))} waits ({row.reason}) since {_moment(row.changed_at)}, and is not held."
            return InputError("not_held", finding, "It needs no decision: a later run moves it once that has changed.")
    where = "".join(f" of the {what} {value!r}" for what, value in _filters(wanted))
    return InputError(
        "file_unknown",
        f"The ledger {book.path!r} has no file {quoted(name)}{where}.",
        "Use courier.filedrop.ledger_info with `outcome: held` to list the files that need a decision.",
    )


def _filters(wanted: Wanted) -> Iterable[tuple[str, str]]:
    named = (("account", wanted.account), ("direction", wanted.direction), ("job", wanted.job))
    return [(what, value) for what, value in named if value is not None]


def _ambiguous(name: str, rows: Iterable[Row]) -> InputError:
    choices = "; ".join(f"{row.direction} of {quoted(path_of(row))}, account {row.account}" for row in rows)
    return InputError(
        "file_ambiguous",
        f"The name {quoted(name)} is ambiguous. Several files have it: {choices}.",
        "Select one by its path. If that is not enough, set `account` and `direction`.",
    )


def _not_held(row: Row) -> InputError:
    return InputError(
        "not_held",
        f"{quoted(path_of(row))} is not held: its state is {row.state.value!r} since {_moment(row.changed_at)}.",
        "There is nothing to decide. The next run of its job continues with it."
        if row.open
        else "There is nothing to decide.",
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")


# --- messages about held files


_FINDING_OUT = {
    "dropoff": "Ask the provider whether the file arrived",
    "pickup": "Compare it with the file of the earlier pickup ({path})",
    "import": "Find out whether the handler has processed it (resend hands it over again)",
    "no_copy": "Find out whether somebody took {path}, which counts as delivered",
    "dest_changed": "Find out whether {path} arrived",
    "rejected": "Correct the file, which is then sent as a new one. Or ask the provider",
    "source_gone": "Find out whether the copy is good (resend publishes it) or was delivered by another host",
}
"""By reason or else by direction: what a person has to find out."""


def held_error(row: Row, reason: str, finding: str, ledger: Ledger) -> HoldError:
    """Build the error of a file that a person decides about. Its row is held, or is about to be."""
    return HoldError(reason, finding, _way_out(row, ledger))


def _way_out(row: Row, ledger: Ledger) -> str:
    finding_out = f"{_FINDING_OUT.get(row.reason or '', _FINDING_OUT[row.direction])}, and decide"
    finding_out = finding_out.format(path=quoted(row.local_path or "unknown"))
    return f"{finding_out} {how_to_decide(row, ledger)}"


def how_to_decide(row: Row, ledger: Ledger) -> str:
    """Return the command or the task that resolves a row, as the end of a sentence.

    The command knows jobs with a label as their name. All other jobs belong to modules.
    """
    if read.LABEL.fullmatch(row.job) and not ledger.for_module:
        command = f"filedrop resolve {row.job} {shlex.quote(row.name)}"
        return f"with `{command} --resend`, `--delivered` or `--discard`."
    options = {"account": row.account, "direction": row.direction, "name": path_of(row)}
    if os.path.abspath(ledger.path) != default_ledger():
        options["ledger"] = ledger.path
    text = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in options.items())
    task = f"courier.filedrop.resolve: {{{text}, decision: resend}}"
    return f"with a task `{task}`. Use delivered or discard instead of resend if that is your decision."


class Discarded(SkipError):
    """Raised when a person has decided that a file must not be transferred as it is."""

    def __init__(self) -> None:
        super().__init__(
            "discarded",
            "The file was resolved with `discard`, so it is not transferred until its size or its time changes.",
            "Remove the file, or resolve it with `resend` to transfer it.",
        )
