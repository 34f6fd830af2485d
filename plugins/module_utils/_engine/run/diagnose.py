# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe a server, to set up an account or to find a fault."""

from __future__ import annotations

import os
import secrets
import statistics
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from ..config.schedule import DAY
from ..errors import RemoteError, RemoteMissing
from ..ledger.ledger import Ledger
from ..local.identity import as_started
from ..loop.loop import Loop
from ..remote.interface import Entry, Remote, Uploaded, entries_in, join, try_look
from ..remote.registry import connect
from ..transfer.capabilities import ALL, EXCLUSIVE_CREATE, PARTIAL_UPLOADS, RENAME
from .whole_keys import with_whole_keys

if TYPE_CHECKING:
    from ..config.accounts.account import Account

QUESTIONS = 5
"""The number of round trips; the latency is their median."""


def describe(account: Account, folders: Sequence[str], probe_dir: str | None, *, ledger: str) -> dict[str, Any]:
    """Connect, and return the remote's ``info()``, ``notes``, ``latency`` in seconds, ``folders`` and ``capabilities``.

    :param folders: the remote folders to look at.
    :param probe_dir: a remote folder in which we may create, rename and delete files, to learn what the server allows.
        The result is recorded in the ledger, which is created if it is missing. None: no probe.
    :raises FiledropError: the connection or the probe failed; the error has the exact reason.
    """
    may_write = probe_dir is not None
    with closing(Ledger(ledger, create=True, read_only=not may_write)) as book:
        account = with_whole_keys(account, book, keep=may_write)
        with closing(connect(account)) as remote:
            return Loop(remote, remote.batches).run(_describe(remote, account, folders, probe_dir, book))


async def _describe(
    remote: Remote, account: Account, folders: Sequence[str], probe_dir: str | None, ledger: Ledger
) -> dict[str, Any]:
    if probe_dir is not None:
        for name, allowed in (await _probe(remote, probe_dir)).items():
            ledger.learn(account.name, name, allowed=allowed)
    words = {True: "yes", False: "no", None: "unknown"}
    latency = await _latency(remote) if remote.features.stat else None
    found = [await _look_at(remote, folder) for folder in folders]
    return {
        "notes": [],
        "latency": latency,
        **remote.info(),  # now it has answered requests of all kinds
        **_key_of(account),
        "folders": found,
        "capabilities": {name: words[ledger.capability(account.name, name)] for name in ALL},
    }


def _key_of(account: Account) -> dict[str, Any]:
    """Return the age of the account's private key in days, by the time of its file."""
    if account.private_key_file is None:
        return {}
    with as_started():
        made_at = os.stat(account.private_key_file).st_mtime
    return {"private_key": {"path": account.private_key_file, "age": max(0, int((time.time() - made_at) // DAY))}}


async def _latency(remote: Remote) -> float:
    seconds = []
    for _question in range(QUESTIONS):
        asked = time.monotonic()
        with suppress(RemoteError):
            await remote.stat(".")
        seconds.append(time.monotonic() - asked)
    return round(statistics.median(seconds), 6)


async def _look_at(remote: Remote, folder: str) -> dict[str, Any]:
    found: dict[str, Any] = {"path": folder, "exists": True, "listable": False, "entries": None}
    try:
        found["entries"] = len(await entries_in(remote, folder))
        found["listable"] = True
        with suppress(RemoteError):
            await remote.stat(_probe_path(folder))  # how does the server say that a file is missing?
    except RemoteMissing:
        found["exists"] = False
    except RemoteError:
        with suppress(RemoteError):
            entry = await remote.stat(folder)
            found["exists"] = entry is not None and entry.kind == "folder"
    return found


async def _probe(remote: Remote, folder: str) -> dict[str, bool]:
    """Probe the server in a folder that the user has set; return the capabilities. All probe files are removed.

    The names have the suffix of unfinished uploads, so the provider's importer ignores them. If it takes one all the
    same, nothing is learned, and the result is empty.
    """
    first, second = _probe_path(folder), _probe_path(folder)
    try:
        partial = await _make(remote, first)
        exclusive = not await _can_make(remote, first)
        renames = True
        try:
            await remote.rename(first, second)
        except RemoteMissing:
            return {}
        except RemoteError:
            renames = False
        found = {RENAME: renames, EXCLUSIVE_CREATE: exclusive and remote.features.exclusive_create}
        return {**found, PARTIAL_UPLOADS: partial} if remote.features.stat_while_open else found
    finally:
        for path in (first, second):
            with suppress(RemoteError):
                await remote.remove(path)


def _probe_path(folder: str) -> str:
    """Return the path of a file that does not exist."""
    return join(folder, f".filedrop-probe-{secrets.token_hex(4)}.part")


class _Nothing:
    """An empty file to upload."""

    size = 0

    def read(self, length: int) -> bytes:
        return bytes(length)

    def check_unchanged(self) -> None:
        pass


async def _make(remote: Remote, path: str) -> bool:
    """Create a file; return whether the server shows it before it is closed."""
    shown = False

    async def created(_upload: Uploaded) -> None:
        nonlocal shown
        shown = isinstance(await try_look(remote.stat(path)), Entry)

    uploaded = await remote.upload(path, _Nothing(), over=False, temporary=False, created=created)
    await uploaded.close()
    return shown


async def _can_make(remote: Remote, path: str) -> bool:
    """Return whether the server creates a file that exists already."""
    try:
        await _make(remote, path)
    except RemoteError:
        return False
    return True
