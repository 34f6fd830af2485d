# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Place a file for a partner to fetch, on the host of the server: whole or not at all, and never over another."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Callable, NamedTuple

from ..config.accounts.account import Account
from ..config.jobs.job import Dropoff
from ..config.options import file_names, invalid, remote_folder
from ..config.paths import SERVER_LOG, SERVER_ROOT
from ..errors import InputError
from ..local.folder import disk_error
from ..states import State
from ..transfer.selection import Export, Only

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger

FOLDER = "pickup"
"""The folder of an account from which its partner fetches."""

JOB = "place:"
"""How the names of these jobs begin in the ledger. No job of a file can have such a name."""

_MODE = 0o640  # the group of the folder reads it: that is the server's


class Placed(NamedTuple):
    """A file that was placed.

    :ivar since: when, in seconds since 1970.
    :ivar lies_there: whether it has not been fetched, or removed, since.
    :ivar fetched_at: when the partner fetched it, by the log of the server; None if that is not known.
    """

    account: str
    path: str
    size: int
    since: float
    lies_there: bool
    fetched_at: float | None = None


def account_for(name: str, root: str | None = None) -> Account:
    """Return an account of this host's server, as a folder.

    :param root: the folder of the account; default: the one that the role ``filedrop_server`` makes.
    """
    return Account(name=name, protocol="folder", host="", port=0, username="", root=root or f"{SERVER_ROOT}/{name}")


def placing(account: Account, src: str, *, name: str | None, folder: str | None, again: bool) -> tuple[Dropoff, Only]:
    """Return the drop-off that places one file, and what narrows it.

    :param src: the absolute path of the file, which stays.
    :param name: the name that it gets; default: its own.
    :param folder: the folder inside the account; default: `FOLDER`.
    :param again: place it even if it was placed before with the same content.
    :raises InputError: the account is no folder of this host, or a name is invalid.
    :raises DiskError: the folder is missing.
    """
    if account.protocol != "folder" or account.root is None:
        finding = (
            f"account: {account.name!r} is reached over {account.protocol}, but files are placed on this host only."
        )
        raise InputError("option_invalid", finding, "Name an account with the protocol folder, or one of this server.")
    into = remote_folder({"folder": folder or FOLDER}, "folder") or FOLDER
    if name is not None:
        file_names({"name": [name]}, "name")
    if os.path.isdir(src):
        raise invalid("src", src, "is a folder, but one file is placed at a time", "Name a file.")
    target = os.path.join(account.root, into)
    try:
        group = os.stat(target).st_gid
    except OSError as error:
        raise disk_error(error, f"open the folder {target!r} of the account {account.name}") from error
    job = Dropoff(
        name=f"{JOB}{into}",
        sources=(src,),
        remote_dir=into,
        settle=0,
        after="keep",
        group=str(group),
        file_mode=_MODE,
        remote_name=name,
    )
    return job, Only(export=Export(again=again, way_to_repeat="To place it again, say so (again)."))


def placed(ledger: Ledger, root_of: Callable[[str], str | None], log: str = SERVER_LOG) -> Iterator[Placed]:
    """Yield the files that were placed, the newest first, and whether they still lie there.

    :param root_of: returns the folder of an account; None: it is that of `account_for`.
    :param log: of the server.
    """
    where = "WHERE direction = 'dropoff' AND job GLOB ? AND state = ? ORDER BY id DESC"
    rows = list(ledger.rows(where, (f"{JOB}*", State.DELIVERED.value)))
    fetched = fetches(log) if rows else {}
    roots = {account: root_of(account) or account_for(account).root or "" for account in {row.account for row in rows}}
    for row in rows:
        path = os.path.join(roots[row.account], row.remote_path)
        placed_at = min(row.changed_at, time.time())
        found = Placed(row.account, row.remote_path, row.size, placed_at, lies_there=_lies_there(path, row.size))
        at = None if found.lies_there else fetched.get(path)
        yield found._replace(fetched_at=at if at is not None and at >= int(placed_at) else None)


def _lies_there(path: str, size: int) -> bool:
    try:
        return os.lstat(path).st_size == size
    except OSError:
        return False


def fetches(log: str) -> dict[str, float]:
    """Return when each file was last sent to a client, in seconds since 1970, by the log of the server.

    Lines that are no JSON objects of the expected form are ignored, and so is a log that cannot be read.
    """
    found: dict[str, float] = {}
    for path in (f"{log}.1", log):
        with suppress(OSError), open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError, KeyError, TypeError, AttributeError):
                    entry = json.loads(line)
                    if entry["command"] == "RETR":
                        found[entry["path"]] = datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
    return found
