# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What to do with an upload that was cut off, for every state and everything that may stand on the server.

Each line of the tables is one state, how the upload was made, and a verdict for each of what was found under the final
name. `-` is nothing, `=` our size, `<` shorter, `>` longer, `?` something whose size the server does not tell.
"""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State, Verdict
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff.recovery import judge

SIZE = 1000
FOUND = {"-": None, "=": SIZE, "<": 400, ">": 1001, "0": 0}

DIRECT = """
state    seen   -           =       <       >       0       ?
intent   no     SEND        NAME    NAME    NAME    REWRITE NAME
created  no     SEND        NAME    NAME    NAME    NAME    NAME
created  yes    INCOMPLETE  REWRITE REWRITE NAME    REWRITE NAME
created  what?  INCOMPLETE  REWRITE REWRITE NAME    REWRITE NAME
written  no     AMBIGUOUS   DONE    NAME    NAME    NAME    NAME
written  yes    DONE        DONE    NAME    NAME    NAME    NAME
written  what?  AMBIGUOUS   DONE    NAME    NAME    NAME    NAME
closed   no     DONE        DONE    NAME    NAME    NAME    NAME
closed   yes    DONE        DONE    NAME    NAME    NAME    NAME
renamed  no     DONE        DONE    DONE    DONE    DONE    DONE
delivered yes   DONE        DONE    DONE    DONE    DONE    DONE
"""

PARTIAL_UPLOADS = """
state    seen   -           =       <       >       0       ?
intent   no     SEND        NAME    NAME    NAME    REWRITE NAME
intent   what?  SEND        NAME    NAME    NAME    REWRITE NAME
created  no     INCOMPLETE  NAME    NAME    NAME    NAME    NAME
created  yes    INCOMPLETE  REWRITE REWRITE NAME    REWRITE NAME
written  no     INCOMPLETE  DONE    NAME    NAME    NAME    NAME
written  yes    DONE        DONE    NAME    NAME    NAME    NAME
closed   no     INCOMPLETE  DONE    NAME    NAME    NAME    NAME
closed   yes    DONE        DONE    NAME    NAME    NAME    NAME
delivered no    DONE        DONE    DONE    DONE    DONE    DONE
"""

RENAME = """
state    temp   -           =       <       >       0       ?
intent   -      SEND        SEND    SEND    SEND    SEND    SEND
intent   =<>0?  ANEW        ANEW    ANEW    ANEW    ANEW    ANEW
created  -      SEND        SEND    SEND    SEND    SEND    SEND
created  =<>0?  ANEW        ANEW    ANEW    ANEW    ANEW    ANEW
written  -      SEND        SEND    SEND    SEND    SEND    SEND
written  =<>0?  ANEW        ANEW    ANEW    ANEW    ANEW    ANEW
closed   -      AMBIGUOUS   DONE    NAME    NAME    NAME    NAME
closed   =      FINISH      WAIT    WAIT    WAIT    WAIT    WAIT
closed   <>0?   ANEW        ANEW    ANEW    ANEW    ANEW    ANEW
awaiting_name  =      FINISH      WAIT    WAIT    WAIT    WAIT    WAIT
awaiting_name  -      AMBIGUOUS   NAME    NAME    NAME    NAME    NAME
awaiting_name  <>0?   NAME        NAME    NAME    NAME    NAME    NAME
renamed  -=<>0? DONE        DONE    DONE    DONE    DONE    DONE
delivered -=<>0? DONE       DONE    DONE    DONE    DONE    DONE
"""

VERDICTS = {
    "SEND": Verdict.SEND,
    "ANEW": Verdict.SEND_ANEW,
    "REWRITE": Verdict.REWRITE,
    "FINISH": Verdict.FINISH_RENAME,
    "DONE": Verdict.DELIVERED,
    "NAME": Verdict.HOLD_TAKEN_NAME,
    "WAIT": Verdict.AWAIT_NAME,
    "INCOMPLETE": Verdict.HOLD_INCOMPLETE,
    "AMBIGUOUS": Verdict.AMBIGUOUS,
}
VISIBLE = {"no": False, "yes": True, "what?": None}


def lines(table: str) -> list[tuple[str, str, str, str]]:
    """State, second column, what was found, and the verdict: one for each cell of a table."""
    head, *rows = (line.split() for line in table.strip().splitlines())
    return [(row[0], row[1], found, verdict) for row in rows for found, verdict in zip(head[2:], row[2:])]


def row(state: str, *, temporary: str | None = None, visible: bool | None = None) -> Row:
    return Row(
        account="a",
        direction="dropoff",
        folder="/out",
        name="a.xml",
        size=SIZE,
        mtime_ns=1,
        job="j",
        remote_path="in/a.xml",
        state=State(state),
        temporary=temporary,
        visible=visible,
        verified_by="open handle",
    )


def entry(path: str, found: str) -> Entry | None:
    if found == "-":
        return None
    return Entry(path.rpartition("/")[2], path, FOUND.get(found), 1, None)


@pytest.mark.parametrize(("state", "seen", "final", "expected"), lines(DIRECT))
def test_an_upload_under_its_final_name(state: str, seen: str, final: str, expected: str) -> None:
    found = judge(row(state, visible=VISIBLE[seen]), entry("in/a.xml", final), None)
    assert found is VERDICTS[expected]


@pytest.mark.parametrize(("state", "seen", "final", "expected"), lines(PARTIAL_UPLOADS))
def test_the_same_on_a_server_that_shows_what_is_being_written(
    state: str, seen: str, final: str, expected: str
) -> None:
    found = judge(row(state, visible=VISIBLE[seen]), entry("in/a.xml", final), None, partial_uploads=True)
    assert found is VERDICTS[expected]


@pytest.mark.parametrize(
    ("state", "temporary", "final", "expected"),
    [(state, one, final, expected) for state, several, final, expected in lines(RENAME) for one in several],
)
def test_an_upload_under_a_temporary_name(state: str, temporary: str, final: str, expected: str) -> None:
    upload = row(state, temporary="in/.1.part")
    assert judge(upload, entry("in/a.xml", final), entry("in/.1.part", temporary)) is VERDICTS[expected]


def test_the_tables_are_complete() -> None:
    """Every state in which a run may end, and everything that may stand there, has its line."""
    states = {"intent", "created", "written", "closed", "renamed", "delivered"}
    assert {line[0] for line in lines(DIRECT)} == states
    states.add("awaiting_name")
    covered = {(state, one, final) for state, several, final, _verdict in lines(RENAME) for one in several}
    assert covered == set(itertools.product(states, "-=<>0?", "-=<>0?"))


def test_an_empty_file_is_judged_by_its_size_too() -> None:
    empty = row("written", visible=False)
    empty.size = 0
    assert judge(empty, entry("in/a.xml", "0"), None) is Verdict.DELIVERED
    assert judge(empty, None, None) is Verdict.AMBIGUOUS


@pytest.mark.parametrize(("state", "verdict"), [("resend", Verdict.SEND), ("discarding", Verdict.DISCARDED)])
@pytest.mark.parametrize("temporary", [None, "in/.1.part"])
def test_a_person_s_decision_comes_before_all_that_is_found(
    state: str, verdict: Verdict, temporary: str | None
) -> None:
    row = Row(
        "acme", "dropoff", "/out", "a.xml", SIZE, 1, "invoices", "in/a.xml", state=State(state), temporary=temporary
    )
    there = [None, *(Entry("a.xml", "in/a.xml", size, 1, None) for size in (None, 0, 400, SIZE, 1001))]
    for final, own in itertools.product(there, there):
        assert judge(row, final, own if temporary else None) is verdict
