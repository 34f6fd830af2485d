# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`verify: hash`: the server's own digest of a file decides."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, fill, outcomes
from support.ftpd import FtpServer
from support.lying_ftp import LyingFtp, Session

CONTENT = b"content"


@pytest.fixture
def desk(tmp_path: Path, server: LyingFtp) -> Desk:
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk", server.account_options(account="hashes"))


def offer(server: LyingFtp, feature: str, command: str, algorithm: str, *, wrong: bool = False) -> None:
    def tell(session: Session, path: str) -> None:
        body = server.files[session.path(path)] + (b"x" if wrong else b"")
        session.say(f"213 {hashlib.new(algorithm, body).hexdigest().upper()} {path}")

    server.features = (*server.features, feature)
    server.hooks[command] = tell


OFFERS = [
    ("HASH SHA-256*;SHA-1;MD5", "HASH", "sha256"),
    ("XSHA256", "XSHA256", "sha256"),
    ("HASH MD5*;SHA-1", "HASH", "sha1"),
    ("XSHA1", "XSHA1", "sha1"),
]


@pytest.mark.parametrize(("feature", "command", "algorithm"), OFFERS)
@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_the_digest_proves_a_transfer(
    desk: Desk, server: LyingFtp, feature: str, command: str, algorithm: str, upload: str
) -> None:
    offer(server, feature, command, algorithm)
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    server.files["pickup/b.xml"] = CONTENT
    sent = desk.drop_off(verify="hash", upload=upload)
    fetched = desk.pick_up(verify="hash")
    assert_delivered(sent, ["a.xml"])
    assert_delivered(fetched, ["b.xml"])
    assert [outcome.verified_by for outcome in (*sent.outcomes, *fetched.outcomes)] == ["hash", "hash"]


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_another_digest_is_no_delivery(desk: Desk, server: LyingFtp, upload: str) -> None:
    offer(server, "XSHA256", "XSHA256", "sha256", wrong=True)
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    server.files["pickup/b.xml"] = CONTENT
    assert outcomes(desk.drop_off(verify="hash", upload=upload)) == {"a.xml": ("failed", "hash_differs")}
    assert outcomes(desk.pick_up(verify="hash")) == {"b.xml": ("failed", "hash_differs")}
    assert server.files == {"pickup/b.xml": CONTENT}
    assert (desk.outbox / "a.xml").exists()


def test_a_server_without_digests_stops_the_job(desk: Desk, server: LyingFtp) -> None:
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    server.files["pickup/b.xml"] = CONTENT
    for result in (desk.drop_off(verify="hash"), desk.pick_up(verify="hash")):
        assert result.error is not None
        assert result.error.reason == "hash_unsupported"
    assert server.files == {"pickup/b.xml": CONTENT}


def test_proftpd_computes_digests(tmp_path: Path) -> None:
    with FtpServer("proftpd", config=["LoadModule mod_digest.c", "DigestEngine on"]) as server:
        desk = Desk(tmp_path, server.account_options())
        names = fill(desk.outbox, 3, 1000)
        assert_delivered(desk.drop_off(verify="hash"), names)
        for name in names:
            server.put(name, b"content")
        assert_delivered(desk.pick_up(verify="hash"), names)
