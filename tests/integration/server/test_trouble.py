# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server whose disk is full, and one that is killed in the middle: what it does to the jobs of its clients."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import Host
from support.import_desk import names

from .conftest import DropBox, client_of

WORDS = {"sftp": "Out of disk space", "ftps": "451 Transfer aborted. Input/output error"}
"""By protocol, what ProFTPD says when its disk is full. Over FTPS that is all that it says."""


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A folder on a file system of its own."""
    status = folder.stat()
    options = f"size={size},uid={status.st_uid},gid={status.st_gid},mode=2770"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine mounts nothing")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("kind", WORDS)
def test_a_full_disk_keeps_the_files_at_the_client_which_says_why(box: DropBox, host: Host, kind: str) -> None:
    folder = client_of(box, host, kind)
    files = {f"{kind}-{number}.xml": bytes([65 + number]) * 150_000 for number in range(4)}
    for name, content in files.items():
        (host.outbox / name).write_bytes(content)
    with small_disk(folder, "400k"):
        ended = host.run("run", "invoices", "--json")
        delivered = names(folder)
        found = {file["name"]: (file["outcome"], file["reason"], file["message"]) for file in ended.document["files"]}
    assert ended.status == 1
    assert 0 < len(delivered) < len(files)
    assert names(host.outbox / "archive") == delivered
    for name in files.keys() - delivered:
        outcome, reason, message = found[name]
        assert (outcome, reason) == ("failed", "remote_failure")
        assert WORDS[kind] in message
        assert (host.outbox / name).read_bytes() == files[name]
    assert host.run("run", "invoices").status == 0
    assert names(folder) == files.keys() - delivered
    for name in names(folder):
        assert (folder / name).read_bytes() == files[name]


@pytest.mark.parametrize("kind", WORDS)
def test_a_server_that_is_killed_in_the_middle_gets_each_file_once(box: DropBox, host: Host, kind: str) -> None:
    """The server and all its sessions are killed, and it starts again. The same run goes on, or the next one does."""
    folder = client_of(box, host, kind, bandwidth_limit="2M")
    files = {f"killed-{kind}-{number}.xml": bytes([65 + number]) * 300_000 for number in range(8)}
    for name, content in files.items():
        (host.outbox / name).write_bytes(content)
    process = host.start("run", "invoices", "--json")
    while len(names(folder)) < 3:
        assert process.poll() is None
        time.sleep(0.01)
    box.kill()
    box.start()
    first = host.end(process)
    if first.status != 0:
        assert host.run("run", "invoices").status == 0, first.out
    there = {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".in.")}
    assert there == files
    assert names(host.outbox) == {"archive"}
    for name in files:
        (folder / name).unlink()
    assert (
        len([line for line in box.transfers() if line["command"] == "RNTO" and f"killed-{kind}" in line["path"]]) == 8
    )


def test_what_a_killed_session_left_behind_does_not_refuse_the_next_upload_of_that_name(box: DropBox) -> None:
    with box.slow_upload("left"):
        box.kill()
    box.start()
    box.sftp("put slow input/left\n")
    assert (box.root / "2001234" / "input" / "left").stat().st_size == 3_000_000
