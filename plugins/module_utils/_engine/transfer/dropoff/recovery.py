# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide how to continue an unfinished drop-off of an earlier run. The table is `states.RECOVERY`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import RemoteError
from ...remote.interface import Entry, Found
from ...states import NAME_TAKEN, Seen, State, Verdict, seen, verdict_on, visibility

if TYPE_CHECKING:
    from ...ledger.ledger import Row

HOLDS = {
    Verdict.HOLD_TAKEN_NAME: (NAME_TAKEN, "the file under its name on the server is not the file that was sent"),
    Verdict.HOLD_INCOMPLETE: ("maybe_incomplete", "the provider may have taken an incomplete file"),
    Verdict.AMBIGUOUS: ("ambiguous", "there is no evidence whether the provider took it or it was lost"),
}
"""The reason and the finding of each verdict that holds a file."""


def shows_whole(row: Row, found: Found) -> bool:
    """Return whether a look found a file of the right size."""
    return isinstance(found, Entry) and found.size == row.size


def judge(row: Row, final: Found, temporary: Found, *, partial_uploads: bool = False) -> Verdict:
    """Return the verdict on a row, from its state and from the entries under its final and its temporary name.

    :param partial_uploads: whether the server is known to show a file under its name during the upload.
    """
    if row.temporary is None:
        is_proven = row.verified_by is not None or row.state not in (State.WRITTEN, State.CLOSED)
        while_open = visibility(row.visible, partial_uploads=partial_uploads, is_proven=is_proven)
        return verdict_on(row.track, row.state, _seen(row, final), while_open)
    return verdict_on(row.track, row.state, _seen(row, final), _seen(row, temporary))


def _seen(row: Row, entry: Found) -> Seen:
    if isinstance(entry, RemoteError):
        return Seen.HIDDEN
    return seen(entry.size if entry else None, expected=row.size, is_there=entry is not None)
