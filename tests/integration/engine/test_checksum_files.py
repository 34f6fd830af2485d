# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs with `verify: sidecar`, and the checksum files of other people's tools."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.desk import digests, outcomes
from support.odd_desk import Desk
from support.odd_server import OddServer

CONTENT = b"content"
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def desk(tmp_path: Path, server: OddServer) -> Desk:
    (server.pickup / "a.xml").write_bytes(CONTENT)
    return Desk(tmp_path, server)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5"])
@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_comes_with_its_checksum_file(
    server: OddServer, desk: Desk, algorithm: str, spelled: type[str], encoding: str
) -> None:
    beside = f"a.xml.{spelled(algorithm)}"
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    (server.pickup / beside).write_bytes(f"{digest} *a.xml\r\n".encode(encoding))
    result = desk.run(desk.pickup(verify="sidecar"))
    assert outcomes(result) == {"a.xml": ("delivered", ""), beside: ("delivered", "")}
    assert digests(server.pickup) == {}


@pytest.mark.parametrize(
    ("beside", "content", "reason"),
    [
        ("a.xml.sha256", OTHER, "checksum_differs"),
        ("a.xml.SHA256", f"SHA256:{OTHER}", "checksum_differs"),
        ("a.xml.sha256", "see the mail of Monday", "checksum_missing"),
        ("a.xml.sha256", hashlib.sha256(CONTENT).hexdigest() + "  b.xml", "checksum_missing"),
        ("a.xml.sha256", "0" * 32, "checksum_missing"),
        ("a.xml.sha256", "", "sidecar_missing"),
        ("a.xml.sha256", "x" * 40_000, "sidecar_missing"),
        ("a.sha256", hashlib.sha256(CONTENT).hexdigest(), "sidecar_missing"),
        ("a.xml.sha256sum", hashlib.sha256(CONTENT).hexdigest(), "sidecar_missing"),
    ],
)
def test_without_the_right_checksum_a_file_stays_and_is_told_why(
    server: OddServer, desk: Desk, beside: str, content: str, reason: str
) -> None:
    (server.pickup / beside).write_text(content)
    before = digests(server.pickup)
    result = desk.run(desk.pickup(verify="sidecar", include=("*.xml",)))
    (outcome,) = (one for one in result.outcomes if one.name == "a.xml")
    assert (outcome.outcome, outcome.reason) == ("failed", reason)
    if reason == "sidecar_missing":
        assert "'a.xml.sha256'" in outcome.message
    assert digests(server.pickup) == before
    assert digests(desk.inbox) == {}
