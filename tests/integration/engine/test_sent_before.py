# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that were sent before, and lie in the source again: by name, time, content, and where they have been."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from support.desk import outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

NAME = "a.xml"
HELD = {NAME: ("held", "sent_before")}
SENT = {NAME: ("delivered", "")}


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    return Desk(tmp_path, server)


def put(desk: Desk, content: bytes = b"first", time: int = 1_700_000_000) -> Path:
    path = desk.outbox / NAME
    path.write_bytes(content)
    os.utime(path, (time, time))
    return path


def taken(server: OddServer) -> bytes:
    """What the provider takes; nothing is left there."""
    path = server.input / NAME
    content = path.read_bytes()
    path.unlink()
    return content


# --- after: keep

AGAIN = {
    "nothing changed": (b"first", 1_700_000_000, False),
    "only the time changed": (b"first", 1_700_000_500, False),
    "an earlier time": (b"first", 1_600_000_000, False),
    "the content changed": (b"other", 1_700_000_500, True),
    "the size changed": (b"longer than before", 1_700_000_500, True),
}


@pytest.mark.parametrize("upload", ["direct", "rename"])
@pytest.mark.parametrize(("content", "time", "is_sent"), AGAIN.values(), ids=AGAIN)
def test_a_kept_file_is_sent_again_only_if_its_content_changed(
    desk: Desk, server: OddServer, upload: str, content: bytes, time: int, is_sent: bool
) -> None:
    put(desk)
    job = desk.dropoff(after="keep", upload=upload)
    assert outcomes(desk.run(job)) == SENT
    taken(server)
    put(desk, content, time)
    assert desk.run(job, check=True).summary["delivered"] == is_sent
    result = desk.run(job)
    assert result.summary == {**result.summary, "delivered": int(is_sent), "failed": 0, "held": 0}
    assert (server.input / NAME).exists() is is_sent
    assert (desk.outbox / NAME).read_bytes() == content
    seen = len(server.seen)
    assert desk.run(job).summary["delivered"] == 0
    assert len(server.seen) == seen, "what is known needs no connection"


def test_a_kept_file_that_gets_its_earlier_content_back_is_sent_again(desk: Desk, server: OddServer) -> None:
    job = desk.dropoff(after="keep")
    for number, content in enumerate((b"first", b"other", b"first")):
        put(desk, content, 1_700_000_000 + number)
        assert outcomes(desk.run(job)) == SENT
        assert taken(server) == content


# --- after: archive


@pytest.fixture
def archive(desk: Desk, server: OddServer) -> Path:
    """The archive of a job that has sent one file."""
    put(desk)
    assert outcomes(desk.run(desk.dropoff())) == SENT
    taken(server)
    return desk.outbox / "archive"


@pytest.mark.parametrize("after", ["archive", "delete"])
def test_a_file_that_was_moved_back_out_of_the_archive_is_held(
    desk: Desk, server: OddServer, archive: Path, after: str
) -> None:
    shutil.move(archive / NAME, desk.outbox / NAME)
    job = desk.dropoff(after=after)
    foreseen = desk.run(job, check=True)
    assert outcomes(foreseen) == HELD
    assert foreseen.outcomes[0].message.endswith("A run holds it. Then a person decides.")
    for _run in range(2):
        result = desk.run(job)
        assert outcomes(result) == HELD
        assert "resend" in result.outcomes[0].message
        assert (desk.outbox / NAME).read_bytes() == b"first"
        assert not (server.input / NAME).exists()


@pytest.mark.parametrize(
    ("decision", "outcome", "is_sent", "stays"),
    [
        ("resend", ("delivered", ""), True, False),
        ("delivered", ("skipped", "already_delivered"), False, False),
        ("discard", ("skipped", "discarded"), False, True),
    ],
)
def test_a_person_decides_about_what_was_moved_back(
    desk: Desk,
    server: OddServer,
    archive: Path,
    decision: str,
    outcome: tuple[str, str],
    is_sent: bool,
    stays: bool,
) -> None:
    for _time in range(2):  # it may be moved back once more
        shutil.move(archive / NAME, desk.outbox / NAME)
        assert outcomes(desk.run(desk.dropoff())) == HELD
        resolve(desk.ledger, Wanted(names=(NAME,)), decision)
        assert outcomes(desk.run(desk.dropoff())) == {NAME: outcome}
        assert (desk.outbox / NAME).exists() is stays
        assert (archive / NAME).exists() is not stays
        if is_sent:
            assert taken(server) == b"first"
        assert not (server.input / NAME).exists()
        if stays:
            break


OTHER = {
    "another time": (b"first", 1_700_000_500),
    "another content": (b"other", 1_700_000_000),
    "another size": (b"longer than before", 1_700_000_000),
}


@pytest.mark.parametrize("after", ["archive", "delete"])
@pytest.mark.parametrize(("content", "time"), OTHER.values(), ids=OTHER)
def test_a_new_file_of_a_name_that_was_archived_is_sent(
    desk: Desk, server: OddServer, archive: Path, after: str, content: bytes, time: int
) -> None:
    put(desk, content, time)
    assert outcomes(desk.run(desk.dropoff(after=after))) == SENT
    assert taken(server) == content


@pytest.mark.parametrize("after", ["archive", "delete"])
def test_a_file_that_was_deleted_and_comes_again_is_sent(desk: Desk, server: OddServer, after: str) -> None:
    put(desk)
    assert outcomes(desk.run(desk.dropoff(after="delete"))) == SENT
    taken(server)
    put(desk)
    assert outcomes(desk.run(desk.dropoff(after=after))) == SENT
    assert taken(server) == b"first"
    assert not (desk.outbox / NAME).exists()


def test_a_kept_file_is_archived_unsent_when_the_job_archives_from_now_on(desk: Desk, server: OddServer) -> None:
    put(desk)
    assert outcomes(desk.run(desk.dropoff(after="keep"))) == SENT
    taken(server)
    result = desk.run(desk.dropoff())
    assert outcomes(result) == {NAME: ("skipped", "already_delivered")}
    assert not (server.input / NAME).exists()
    assert (desk.outbox / "archive" / NAME).exists()
