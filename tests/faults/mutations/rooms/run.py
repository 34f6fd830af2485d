# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about a run as a whole: its lock, the errors that end it, and what is forgotten in the end."""

from __future__ import annotations

from ..operations import Change, drop_element, drop_if, drop_statement, replace, replace_text

CHANGES = (
    Change("run", drop_statement("_.enter_context(only_run(...))"), "there may be two runs of a job at once"),
    Change("adopt", replace("only_run(...)", "closing(Folder('/'))"), "what another job is at work on is taken over"),
    Change("ENDS_THE_RUN", drop_element("LedgerError"), "files go on though the ledger does not"),
    Change("_until", drop_if("stop"), "other files go on after what ends the run"),
    Change("_old_rows", replace_text("open = 0 AND ", ""), "what is open is forgotten"),
    Change(
        "_old_rows",
        replace_text("changed_at < ?", "changed_at < ? + 1e12"),
        "everything is old enough to be forgotten",
    ),
)

HARMLESS: dict[tuple[str, str], str] = {}
