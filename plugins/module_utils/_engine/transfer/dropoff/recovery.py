# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do with a drop-off that an earlier run left unfinished: the state in the ledger, and what stands on the
server, decide.

`direct` (the file is written under its final name, and may be seen there, or not, until it is closed):

    final name on the server     last state           so
    our size                     written, closed      it is delivered
    our size or shorter          created, was seen    our own unfinished part: write it anew
    empty                        intent               ours (`created` is recorded before a byte is sent): write it anew
    any other                    any                  somebody else's: hold
    nothing                      intent               nothing happened: send it
    nothing                      created, was seen    an incomplete file may have been taken: hold
    nothing                      created, unseen      nobody could take it: send it *
    nothing                      written, was seen    it was there and is gone, whole: taken, so delivered
    nothing                      written, unseen      no evidence: the `ambiguous` policy *
    nothing                      closed               the server confirmed it, and it was taken: delivered *

    * on a server that shows what is being written, unseen means taken at once, incomplete: hold

`rename` (it is written under a temporary name; the final name is asked for only after ``closed`` is in the ledger):

    temporary name   final name     last state        so
    our size         nothing        closed            whole: finish the rename
    our size         something      closed            somebody else's name: hold
    our size         nothing        held for that     the name is free again: finish the rename
    nothing          nothing        held for that     no evidence any more: the `ambiguous` policy
    there            any            earlier           our own part: remove it, send anew
    nothing          our size       closed            it is delivered
    nothing          another size   closed            somebody else's: hold
    nothing          nothing        closed            no evidence: the `ambiguous` policy
    any              any            renamed           the server confirmed it: delivered
    nothing          any            earlier           the final name was never asked for: send it

A person's decision (decisions.py) comes before either:

    resend           it is sent again
    delivered        it is delivered
    discarded        it is left alone
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...ledger.ledger import Row
    from ...remote import Entry


class Verdict(Enum):
    DELIVERED = "it is delivered"
    SEND = "nothing of it is there: send it"
    SEND_ANEW = "remove our own temporary file, and send it again"
    REWRITE = "write our own unfinished part anew"
    FINISH_RENAME = "give it its final name"
    HOLD_TAKEN_NAME = "somebody else has this name"
    HOLD_INCOMPLETE = "an incomplete file may have been taken"
    DISCARDED = "a person has decided to leave it alone"
    AMBIGUOUS = "nothing tells whether it was taken or lost"


NAME_TAKEN = "name_taken"
"""Why a file is held: somebody else has its name on the server."""

_DECIDED = {"resend": Verdict.SEND, "discarded": Verdict.DISCARDED}


def judge(row: Row, final: Entry | None, temporary: Entry | None, *, partial_uploads: bool = False) -> Verdict:
    """The tables above, as a function without side effects.

    :param partial_uploads: whether the server is known to show a file under its name while it is written.
    """
    if row.state in ("renamed", "delivered"):
        return Verdict.DELIVERED
    if row.state in _DECIDED:
        return _DECIDED[row.state]
    if row.temporary is None:
        return _judge_direct(row, final, partial_uploads=partial_uploads)
    return _judge_rename(row, final, temporary)


def waits_for_name(row: Row) -> bool:
    """Whether a file is held only because somebody else has its name: as a rule it lies on the server, whole."""
    return row.state == "held" and row.reason == NAME_TAKEN and row.temporary is not None


def _judge_direct(row: Row, final: Entry | None, *, partial_uploads: bool) -> Verdict:
    if final is not None:
        if row.state in ("written", "closed") and final.size == row.size:
            return Verdict.DELIVERED
        return Verdict.REWRITE if _is_own_part(row, final) else Verdict.HOLD_TAKEN_NAME
    if partial_uploads and row.visible is False and row.state != "intent":
        return Verdict.HOLD_INCOMPLETE
    if row.state == "written":
        return Verdict.DELIVERED if row.visible else Verdict.AMBIGUOUS
    if row.state == "created":
        return Verdict.SEND if row.visible is False else Verdict.HOLD_INCOMPLETE
    return {"intent": Verdict.SEND, "closed": Verdict.DELIVERED}[row.state]


def _is_own_part(row: Row, final: Entry) -> bool:
    if final.size is None:
        return False
    if row.state == "created":
        return final.size <= row.size and row.visible is not False
    return row.state == "intent" and final.size == 0


def _judge_rename(row: Row, final: Entry | None, temporary: Entry | None) -> Verdict:
    if waits_for_name(row):
        if final is None and temporary is None:
            return Verdict.AMBIGUOUS
        is_whole = temporary is not None and temporary.size == row.size
        return Verdict.FINISH_RENAME if is_whole and final is None else Verdict.HOLD_TAKEN_NAME
    if temporary is not None and (row.state != "closed" or temporary.size != row.size):
        return Verdict.SEND_ANEW
    if row.state != "closed":
        return Verdict.SEND
    if temporary is not None:
        return Verdict.FINISH_RENAME if final is None else Verdict.HOLD_TAKEN_NAME
    if final is None:
        return Verdict.AMBIGUOUS
    return Verdict.DELIVERED if final.size == row.size else Verdict.HOLD_TAKEN_NAME
