# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about the ledger, its file, its locks, and a person's decisions."""

from __future__ import annotations

from ..mutation import SYNC
from ..operations import Change, always, drop_operand, drop_statement, never, replace, replace_text, set_argument

CHANGES = (
    Change(
        "_connect",
        replace_text("synchronous = FULL", "synchronous = NORMAL"),
        "SQLite syncs its log now and then",
        SYNC,
    ),
    Change("_connect", replace_text("synchronous = FULL", "synchronous = OFF"), "SQLite syncs nothing", SYNC),
    Change("Ledger._run", never("id(_) in _"), "two jobs may have one file in their hands"),
    Change(
        "Ledger._not_stepped",
        replace("_a.rowcount < len(_)", "_a.rowcount < 0"),
        "a row that is opened again is not written",
    ),
    Change("Ledger._write_all", replace("new", "()"), "a row that was not written counts as written"),
    Change(
        "Ledger._run",
        replace("_a.set_exception(failure)", "_a.set_result(None)"),
        "a commit that failed counts as done",
    ),
    Change(
        "_SCHEMA",
        replace_text("CREATE UNIQUE INDEX transfer_open", "CREATE INDEX transfer_open"),
        "a file may have two open rows",
    ),
    Change(
        "prove",
        replace_text("integrity_check(1)", "quick_check(1)"),
        "a damaged index is not found",
    ),
    Change(
        "_is_own_log",
        always("(now - before) % _COUNT <= (last - before) % _COUNT"),
        "the log of another ledger is used",
    ),
    Change("transaction", drop_statement("count_transaction(_)"), "nobody can tell whose log it is"),
    Change("Ledger._insert", replace("self.newest_planned", "sys.maxsize"), "two jobs transfer one file in turn"),
    Change("_make", drop_statement("fcntl.flock(...)"), "two may make a ledger at once"),
    Change("_make_in", set_argument("os.open(...)", 2, "0o644"), "all may read the ledger"),
    Change(
        "_make_in",
        replace("rename_new(...)", "os.replace(new, target.path_of(name))"),
        "a new ledger replaces another",
    ),
    Change(
        "open_database",
        drop_statement("_.execute('DELETE FROM transfer WHERE FALSE')"),
        "a ledger that may only be read is opened for writing",
    ),
    Change("only_run", replace("fcntl.LOCK_EX", "fcntl.LOCK_SH"), "the lock keeps nobody out"),
    Change("only_run", drop_operand("fcntl.LOCK_NB"), "a second run waits, and says nothing"),
    Change("_FILE", drop_operand("os.O_NOFOLLOW"), "a lock may be a link"),
    Change(
        "resolve",
        drop_statement("_.enter_context(only_run(...))"),
        "a person may decide in the middle of a run",
    ),
)

HARMLESS: dict[tuple[str, str], str] = {}
