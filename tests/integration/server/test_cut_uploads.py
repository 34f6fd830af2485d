# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Uploads that end too early, over each protocol, against imports that demand complete files."""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.command import Host
from support.import_desk import Desk, names, outcomes
from support.repeated import repeated

from .conftest import DropBox
from .early_client import OverFtp, OverSftp, early_client

NOTES_WHAT_CAME = 'printf "%s %s\\n" "$(sha256sum <"$1" | cut -d" " -f1)" "$(basename "$1")" >>"$0/calls"'
CONTENT = bytes(range(256)) * 300
STAGES = (0, 1, 40_000, len(CONTENT) - 1, len(CONTENT))

Step = Callable[[OverFtp | OverSftp], object]


@dataclass(frozen=True)
class Demand:
    """What a job demands, and how a client fulfils it.

    :ivar uploads: the names of the uploads of one delivery, in their order; ``{}`` is its stem.
    :ivar final: how a name is called in the end.
    """

    account: str
    options: dict[str, object]
    uploads: tuple[str, ...]
    final: Callable[[str], str] = str


DEMANDS = {
    "rename": Demand("shop", {}, ("{}.xml.part",), lambda name: name.removesuffix(".part")),
    "sidecar": Demand("bare", {"verify": "sidecar"}, ("{}.xml", "{}.xml.sha256")),
    "companions": Demand("bare", {"companions": ["*.pdf", "*.xml", "*.complete"]}, ("{}.pdf", "{}.xml", "{}.complete")),
}


def content_of(name: str) -> bytes:
    if name.endswith(".sha256"):
        return hashlib.sha256(content_of(name.removesuffix(".sha256"))).hexdigest().encode()
    return b"" if name.endswith(".complete") else name.removesuffix(".part").encode() + CONTENT


@contextmanager
def importing(desk: Desk) -> Iterator[None]:
    """Run the import again and again in the block, and once after it."""
    with repeated(desk.run):
        yield
    desk.run()


def deliver(client: OverFtp | OverSftp, uploads: list[str], final: Callable[[str], str]) -> None:
    for name in uploads:
        client.upload(f"input/{name}", content_of(name))
        if final(name) != name:
            client.rename(f"input/{name}", f"input/{final(name)}")


@pytest.mark.parametrize("demand", DEMANDS)
@pytest.mark.parametrize("protocol", ["sftp", "ftps", "ftp"])
def test_no_upload_that_ends_early_is_imported(
    box: DropBox, host: Host, protocol: str, demand: str, full: bool
) -> None:
    """A client that comes back removes what it left, and delivers anew. Then everything is imported, once."""
    wanted = DEMANDS[demand]
    source = box.emptied(wanted.account)
    desk = Desk(host)
    desk.job(
        src=str(source), handler=["/bin/sh", "-c", NOTES_WHAT_CAME, str(desk.host.folder), "{path}"], **wanted.options
    )
    deliveries = [
        (f"{how}-{number}-{stage}", how == "cut", number, stage)
        for number, upload in enumerate(wanted.uploads)
        for stage in (STAGES if full else STAGES[1:-1])
        for how in ("cut", "closed")
        if stage < len(content_of(upload))
    ]
    with importing(desk):
        for stem, cut, number, stage in deliveries:
            uploads = [name.format(stem) for name in wanted.uploads]
            client = early_client(box, protocol, wanted.account)
            deliver(client, uploads[:number], wanted.final)
            client.upload(f"input/{uploads[number]}", content_of(uploads[number])[:stage], cut=cut)
            client.close()
    assert desk.called() == {}

    client = early_client(box, protocol, wanted.account)
    for name in names(source):
        client.remove(f"input/{name}")
    for stem, *_how in deliveries:
        deliver(client, [name.format(stem) for name in wanted.uploads], wanted.final)
    client.close()
    desk.run()
    expected = {
        f"{hashlib.sha256(content_of(name)).hexdigest()} {name}": 1
        for stem, *_how in deliveries
        for name in (wanted.final(upload.format(stem)) for upload in wanted.uploads)
        if not name.endswith(".sha256")
    }
    assert desk.called() == expected
    assert names(source) == set()


def test_sftp_that_is_interrupted_leaves_a_part_that_only_a_checksum_betrays(box: DropBox, host: Host) -> None:
    """After Ctrl-C, stock sftp goes on with the next line. The server reports success for the part."""
    desk = Desk(host)
    source = box.emptied("2001234")
    desk.job(src=str(source), include=["ctrl-c.*"], companions=["*.pdf", "*.xml"], verify="sidecar")
    for name in ("ctrl-c.pdf", "ctrl-c.xml"):
        content = name.encode() * 200_000
        (box.folder / name).write_bytes(content)
        (box.folder / f"{name}.sha256").write_text(hashlib.sha256(content).hexdigest())
    command = ["sftp", "-l", "4000", *box.ssh_options("amili"), "2001234@127.0.0.1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=box.folder) as client:
        assert client.stdin is not None
        for name in ("ctrl-c.xml.sha256", "ctrl-c.pdf.sha256", "ctrl-c.xml", "ctrl-c.pdf"):
            client.stdin.write(f"put {name} input/{name}\n".encode())
        client.stdin.close()
        box.wait_for_upload(source / "ctrl-c.xml")
        client.send_signal(signal.SIGINT)

    assert 0 < _size(source / "ctrl-c.xml") < 2_000_000
    assert _size(source / "ctrl-c.pdf") == 2_000_000
    assert outcomes(desk.run())["ctrl-c.xml"] == ("failed", "checksum_differs")
    assert desk.called() == {}


def _size(path: Path) -> int:
    return path.stat().st_size
