# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digests that the server computes for its clients: `check-file` over SFTP, and HASH over FTPS."""

from __future__ import annotations

import hashlib

import pytest
from paramiko.sftp import CMD_EXTENDED, int64
from support.command import Host

from .conftest import DropBox, client_of
from .early_client import OverSftp


@pytest.mark.parametrize("folder", ["input", "pickup"])
def test_check_file_gives_the_digest_over_sftp(box: DropBox, folder: str) -> None:
    """Also in `input`, where nothing can be read: so a client can verify what it has sent."""
    box.place("content", "shop", folder, "digest.xml")
    client = OverSftp(box, "shop")
    whole = (int64(0), int64(0), 0)
    asked = (CMD_EXTENDED, "check-file-name", f"{folder}/digest.xml", "sha256")
    answer = client.client._request(*asked, *whole)[1]  # type: ignore[attr-defined]
    client.close()
    assert answer.asbytes().endswith(hashlib.sha256(b"content").digest())


@pytest.mark.parametrize("protocol", ["ftps", "sftp"])
def test_a_drop_off_verifies_by_the_digest_of_the_server(box: DropBox, host: Host, protocol: str) -> None:
    client_of(box, host, protocol)
    host.dropoff(upload="rename", verify="hash")
    (host.outbox / "hashed.xml").write_text("content")
    ended = host.run("run", "invoices", "--json")
    assert [file["verified_by"] for file in ended.document["files"]] == ["hash"]
