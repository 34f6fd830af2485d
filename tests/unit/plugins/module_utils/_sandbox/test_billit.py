# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Billit as the client of its user's server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.billit import Habits
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Folders, Sandbox
from support.sandbox_client import USERNAME, Key, connect

UBL = (
    b'<?xml version="1.0"?><Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID>1</ID></Invoice>'
)
NEVER = 0.0

Start = Callable[..., Sandbox]


def habits(**options: object) -> Habits:
    """Those of a Billit that looks when a test says so."""
    return Habits(**{"poll_every": NEVER, **options})  # type: ignore[arg-type]


@pytest.fixture
def begin(start: Start, key: Key) -> Callable[..., tuple[Sandbox, Folders]]:
    def started(wanted: Habits) -> tuple[Sandbox, Folders]:
        sandbox = start(accounts=[account(USERNAME, public_keys=[key.public], billit=wanted)])
        return sandbox, sandbox.folders(USERNAME)

    return started


Begin = Callable[..., tuple[Sandbox, Folders]]


def put(folder: Path, **files: bytes) -> None:
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_reads_what_it_knows_and_leaves_the_rest(begin: Begin) -> None:
    sandbox, there = begin(habits())
    put(
        there.input,
        a_xml=UBL,
        b_xml=UBL[:40],
        c_xml=b"<Order/>",
        d_pdf=b"%PDF",
        e_png=b"png",
        f_docx=b"PK",
        g_cod=b"0000",
    )
    (there.input / ".hidden.pdf").write_bytes(b"%PDF")
    (there.input / "h.pdf.tmp").write_bytes(b"%PDF")
    sandbox.poll()
    assert listed(there.imported) == ["a.xml", "d.pdf", "e.png"]
    assert listed(there.input) == [".hidden.pdf", "b.xml", "c.xml", "f.docx", "g.cod", "h.pdf.tmp"]
    assert (there.imported / "a.xml").read_bytes() == UBL


def test_with_the_rule_an_xml_and_its_pdf_are_read_only_together(begin: Begin) -> None:
    sandbox, there = begin(habits(require_pdf=True))
    put(there.input, a_pdf=b"%PDF", b_xml=UBL)
    sandbox.poll()
    assert listed(there.imported) == []
    put(there.input, a_xml=UBL)
    sandbox.poll()
    assert listed(there.imported) == ["a.pdf", "a.xml"]
    assert listed(there.input) == ["b.xml"]


def test_a_zip_is_read_after_its_xml(begin: Begin) -> None:
    sandbox, there = begin(habits())
    put(there.input, a_zip=b"PK")
    sandbox.poll()
    assert listed(there.input) == ["a.zip"]
    put(there.input, a_xml=UBL)
    sandbox.poll()
    assert listed(there.imported) == ["a.xml", "a.zip"]


@pytest.mark.parametrize("after", ["delete", "move", "move_daily"])
def test_what_it_has_read_is_deleted_or_moved_and_no_name_is_lost(begin: Begin, after: str) -> None:
    sandbox, there = begin(habits(after=after))
    for content in (b"%PDF 1", b"%PDF 2"):
        put(there.input, a_pdf=content)
        sandbox.poll()
    assert listed(there.input) == []
    assert {name: (there.imported / name).read_bytes() for name in listed(there.imported)} == {
        "a.pdf": b"%PDF 1",
        "a-2.pdf": b"%PDF 2",
    }
    today = datetime.now().astimezone().strftime("%Y-%m-%d")
    success = there.success / today if after == "move_daily" else there.success
    assert listed(success) == ([] if after == "delete" else ["a-2.pdf", "a.pdf"])


def test_it_writes_what_was_issued_once_and_over_nothing(begin: Begin) -> None:
    sandbox, there = begin(habits())
    put(there.issued, a_xml=UBL, b_xml=UBL)
    put(there.pickup, b_xml=b"another")
    sandbox.poll()
    assert listed(there.pickup) == ["a.xml", "b.xml"]
    assert (there.pickup / "b.xml").read_bytes() == b"another"
    for name in ("a.xml", "b.xml"):
        (there.pickup / name).unlink()
    sandbox.poll()
    assert listed(there.pickup) == ["b.xml"]
    assert listed(there.issued) == ["sent"]


def test_it_looks_by_itself_and_no_longer_once_the_account_is_not_its_own(begin: Begin, key: Key) -> None:
    sandbox, there = begin(habits(poll_every=0.05))
    put(there.input, a_pdf=b"%PDF")
    end = time.monotonic() + 10
    while listed(there.input) and time.monotonic() < end:
        time.sleep(0.02)
    assert listed(there.imported) == ["a.pdf"]
    sandbox.set_accounts([account(USERNAME, public_keys=[key.public])])
    put(there.input, b_pdf=b"%PDF")
    time.sleep(0.3)
    assert listed(there.input) == ["b.pdf"]


def test_whoever_logs_in_may_do_what_billit_does(begin: Begin, key: Key) -> None:
    sandbox, there = begin(habits())
    put(there.input, a_xml=UBL)
    with connect(sandbox, key) as transport:
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        with client.open("input/a.xml") as file:
            assert file.read() == UBL
        client.mkdir("success/2026-11-29")
        client.rename("input/a.xml", "success/2026-11-29/a.xml")
        with client.open("pickup/b.xml", "wx") as file:
            file.write(UBL)
        for refused in ("other", "input/other"):
            with pytest.raises(PermissionError):
                client.mkdir(refused)
    assert os.listdir(there.success / "2026-11-29") == ["a.xml"]
    assert listed(there.pickup) == ["b.xml"]
