# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules over FTP and FTPS."""

from __future__ import annotations

import subprocess

import pytest
from support.ftpd import KINDS, FtpServer
from support.stage import InProcess, Stage, Step


def test_a_play_drops_off_and_picks_up_over_ftps(stage: Stage) -> None:
    with FtpServer("proftpd") as server:
        outbox, inbox = stage.folder / "outbox", stage.folder / "inbox"
        for folder in (outbox, inbox):
            folder.mkdir()
        (outbox / "a.xml").write_bytes(b"content")
        server.put("b.xml", b"content")
        ledger = {"ledger": str(stage.folder / "ledger.sqlite3")}
        sent, fetched = stage.play(
            Step("dropoff", {"src": str(outbox), "remote_dir": "input", "settle": 0, **ledger}),
            Step("pickup", {"dest": str(inbox), "remote_dir": "pickup", "settle": 0, **ledger}),
            defaults=server.account_options(account="acme"),
        ).results
        assert [one["summary"]["delivered"] for one in (sent, fetched)] == [1, 1]
        assert (server.input / "a.xml").read_bytes() == (inbox / "b.xml").read_bytes() == b"content"
        assert sent["notes"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_connection_info_tells_what_is_there(here: InProcess, kind: str) -> None:
    with FtpServer(kind) as server:
        server.put("one.xml", b"1")
        (server.root / "input" / "probe").mkdir()
        server.give(server.root / "input" / "probe")
        command = ["openssl", "x509", "-in", str(server.certificate.path), "-outform", "DER"]
        der = subprocess.run(command, capture_output=True, check=True).stdout
        digest = ["openssl", "dgst", "-sha256", "-binary"]
        binary = subprocess.run(digest, input=der, capture_output=True, check=True).stdout
        pin = subprocess.run(["base64"], input=binary, capture_output=True, check=True).stdout.decode().strip("=\n")
        options = {"folders": ["input", "pickup", "nowhere"], "ledger": str(here.folder / "ledger.sqlite3")}
        (found,) = here.play(
            Step("connection_info", {**options, "probe_dir": "input/probe"}), defaults=server.account_options()
        ).results
        assert found["certificate"]["fingerprint"] == f"SHA256:{pin}"
        assert found["tls"]["version"] in ("TLSv1.2", "TLSv1.3")
        assert "SIZE" in found["extensions"]
        assert {one["path"]: (one["exists"], one["listable"], one["entries"]) for one in found["folders"]} == {
            "input": (True, True, 1),
            "pickup": (True, True, 1),
            "nowhere": (False, False, None),
        }
        assert found["capabilities"]["rename"] == "yes"
        assert found["capabilities"]["exclusive_create"] == "no"
        assert found["capabilities"]["partial_uploads"] == "unknown"


def test_cleartext_is_noted_and_must_be_allowed(here: InProcess) -> None:
    with FtpServer("vsftpd", tls=None) as server:
        server.put("one.xml", b"1")
        options = {"folders": ["pickup"], "ledger": str(here.folder / "ledger.sqlite3")}
        (found,) = here.play(Step("connection_info", options), defaults=server.account_options()).results
        assert [note.partition(":")[0] for note in found["notes"]] == ["cleartext"]
