# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is fuzzed: each target takes arbitrary bytes, and raises whatever no server may make the engine raise."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Coroutine, Mapping
from typing import Any, Callable
from unittest.mock import patch

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    FiledropError,
    ProtocolError,
    TransferError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Uploaded, entries_in
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import (
    packets,
    requests,
    sessions,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import (
    remote as remote_module,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.session import Habits, Session

from . import ftp
from .hostile import HostileServer, Input

_MOST_BYTES = 1000  # of the files that are transferred
_ACCOUNT = Account("fuzz", "sftp", "nowhere", 22, "nobody", timeout=5.0)


class Broken(AssertionError):
    """What the engine promises does not hold."""


# --- packets


def every_packet(data: bytes) -> None:
    """The bodies of packets, by every reader that there is."""
    which, body = Input(data).number(), data[1:]
    reader = _READERS[which % len(_READERS)]
    with contextlib.suppress(FiledropError):
        found = reader(body)
        if isinstance(found, (list, dict)) and len(found) > len(body) // 8:
            raise Broken(f"{len(found)} things out of {len(body)} bytes")


def _attributes(body: bytes) -> packets.Attributes:
    return packets.Reader(body).attributes()


def _refusal(body: bytes) -> str:
    said = str(packets.refusal(body, "to be fuzzed"))
    if not said.isprintable() or len(said) > 3000:
        raise Broken(f"unfit for people: {said!r}")
    return said


_READERS: tuple[Callable[[bytes], object], ...] = (
    packets.names, packets.extensions, packets.limits, packets.handle, packets.status_code, _attributes, _refusal,
)  # fmt: skip


# --- names


def file_names(data: bytes) -> None:
    """Names as a listing tells them."""
    number = 2 + Input(data).number()
    name = data[1:].decode("utf-8", "surrogateescape")
    names.shown(name).encode("utf-8")
    names.is_temporary(name)
    try:
        names.check_name(name)
    except TransferError as error:
        str(error).encode("utf-8")
        return
    others = [names.version(name, number)]
    others += [names.temporary(pattern, name) for pattern in (".{random}.part", "{name}.tmp", "{stem}~{random}")]
    for one in (name, *others):
        _require_safe(one)
    if name in others:
        raise Broken(f"no other name: {name!r}")


def _require_safe(name: str) -> None:
    odd = [letter for letter in name if letter == "/" or unicodedata.category(letter) in ("Cc", "Cs")]
    if odd or name in ("", ".", "..") or len(name.encode("utf-8")) > 255:
        raise Broken(f"not the name of one file: {name!r}")


# --- a session


def streams(data: bytes) -> None:
    """A stream of answers: it must not matter how it was cut into pieces."""
    script = Input(data)
    sizes = [1 + script.number() for _size in range(script.number() % 16)]
    stream = script.rest()
    whole, cut = _settled(stream, [len(stream) or 1]), _settled(stream, sizes or [1])
    if whole != cut:
        raise Broken(f"in one piece {whole}, in {sizes} {cut}")


_KINDS = (packets.STATUS, packets.HANDLE, packets.DATA, packets.NAME, packets.ATTRS)


def _settled(stream: bytes, sizes: list[int]) -> list[str]:
    """What has become of a few requests after a stream was taken apart."""
    session = Session(HostileServer(b"\xd0"), timeout=5.0, habits=Habits())
    answers = [
        session.request(packets.EXTENDED, b"", expected=kind, doing="", missing_ok=bool(number % 2))
        for number, kind in enumerate(_KINDS * 2)
    ]
    error = ""
    position, turn = 0, 0
    try:
        while position < len(stream):
            size = sizes[turn % len(sizes)]
            for packet in session._packets.taken_from(stream[position : position + size]):
                session._answered(*packet)
            position, turn = position + size, turn + 1
    except ProtocolError as caught:
        error = caught.reason
    if len(session._packets.begun) > len(stream):
        raise Broken("more is kept than came")
    return [error, *(_told(answer) for answer in answers)]


def _told(answer: Any) -> str:
    if not answer.done:
        return "waiting"
    try:
        return repr(answer.result())
    except FiledropError as error:
        return error.reason


# --- a whole client


class _Sink:
    """Where a download goes."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        self.size += len(data)


class _Source:
    """Where an upload comes from."""

    size = _MOST_BYTES * 100

    def read(self, length: int) -> bytes:
        return bytes(length)

    def check_unchanged(self) -> None:
        pass


async def _download(remote: remote_module.SftpRemote, size: int) -> None:
    sink = _Sink()
    received = await remote.download("pickup/a.xml", sink, size=size)
    if sink.size > size or received.size > size + 1:
        raise Broken(f"{sink.size} bytes were written and {received.size} counted of a file of {size}")


async def _upload(remote: remote_module.SftpRemote, size: int) -> None:
    upload: Uploaded | None = None

    async def created(new: Uploaded) -> None:
        nonlocal upload
        upload = new

    try:
        await remote.upload("input/a.xml", _Source(), over=False, temporary=False, created=created)
        if upload:
            await upload.size()
    finally:
        if upload:
            await upload.close()
    await remote.rename("input/a.xml", "input/b.xml")


async def _list(remote: remote_module.SftpRemote, size: int) -> None:
    for entry in await entries_in(remote, "pickup"):
        if entry.name in (".", "..") or (entry.size or 0) > requests.LARGEST_SIZE:
            raise Broken(entry)
        await remote.stat(entry.path)


async def _everything(remote: remote_module.SftpRemote, size: int) -> None:
    for one in (_list, _download, _upload):
        await one(remote, size)
    await remote.remove("pickup/a.xml")


_WORK: tuple[Callable[[remote_module.SftpRemote, int], Coroutine[Any, Any, None]], ...] = (
    _list,
    _download,
    _upload,
    _everything,
)


def servers(data: bytes) -> None:
    """A server that answers anything to anything."""
    script = Input(data)
    work, size = _WORK[script.number() % len(_WORK)], script.number() * 4
    server = HostileServer(script.rest())
    with patch.object(sessions, "open_connection", lambda _account: server), contextlib.suppress(FiledropError):
        remote = remote_module.SftpRemote(_ACCOUNT)
        Loop(remote).run(work(remote, size))
    if len(server.requests) > 200 + 2 * len(data):
        raise Broken(f"{len(server.requests)} requests for {len(data)} bytes of answers")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "packets": every_packet,
    "file_names": file_names,
    "streams": streams,
    "servers": servers,
    "ftp_listings": ftp.listings,
    "ftp_sessions": ftp.sessions,
}
