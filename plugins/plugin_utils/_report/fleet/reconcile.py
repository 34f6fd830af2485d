# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare both ends of an exchange, where both are in the fleet: sent = imported, and placed = fetched.

An account of a client belongs to an account of a server if the user name is the same, and the client has pinned a host
key of this server, or connects to one of its addresses. Files are compared by their path on the server, their size and
their SHA-256.
"""

from __future__ import annotations

import base64
import calendar
import posixpath
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

from ....module_utils._engine.config.schedule import DAY, MINUTE, UNITS
from ....module_utils._engine.keys.formats import fingerprint
from ....module_utils._engine.run.place import JOB as PLACE
from ....module_utils._report import File

MARGIN = 5 * MINUTE
"""What was sent or placed so shortly before a run of the other end need not be in that run."""

_DELIVERED = "delivered"
_FINAL = ("held", "discarded", "rejected")
"""Outcomes of a file that does not arrive by itself."""

_SERVED = ("sftp", "ftps", "ftp")
_THIS_HOST = ("127.0.0.1", "::1", "localhost")
_EVERY = re.compile(r"every ([0-9]+)([mhd])")


@dataclass(frozen=True)
class End:
    """Hold what is known of one host.

    :ivar accounts: of its jobs, as in `filedrop status --json`.
    :ivar jobs: likewise.
    :ivar mailboxes: the accounts of the server that it runs, and the folder of each.
    :ivar host_keys: of that server, as public keys.
    :ivar addresses: by which others may know that server.
    :ivar horizon: the time before which files may be missing here. ISO 8601, in UTC.
    """

    name: str
    horizon: str
    accounts: Sequence[Mapping[str, Any]] = ()
    jobs: Sequence[Mapping[str, Any]] = ()
    files: Sequence[File] = ()
    mailboxes: Mapping[str, str] | None = None
    host_keys: Sequence[str] = ()
    addresses: frozenset[str] = frozenset()


class _Copy(NamedTuple):
    """One end's record of a file. ``at``: when this end was done with it. ``began``: the earliest time it tells."""

    path: str
    name: str
    size: int | None
    sha256: str | None
    at: str
    began: str


_Clients = Sequence["tuple[End, str]"]


def reconciliation(ends: Sequence[End], now: float) -> list[dict[str, Any]]:
    """Return the comparison of each pair of accounts, in the form of the fleet's document.

    Hosts that share an account of a server are one side.
    """
    found: list[dict[str, Any]] = []
    for server in ends:
        known = _identity(server.host_keys)
        for mailbox, home in sorted((server.mailboxes or {}).items()):
            clients = [
                (end, str(account["account"]))
                for end in ends
                for account in end.accounts
                if account["username"] == mailbox and _is_at(account, server, known, is_local=end is server)
            ]
            if clients:
                found += _compared(server, mailbox, home, clients, now)
    return found


def _identity(host_keys: Iterable[str]) -> frozenset[str]:
    """Return the words by which an account can pin a server: the keys themselves, and their fingerprints."""
    keys = {words[1] for words in map(str.split, host_keys) if len(words) > 1}
    return frozenset(keys | {_fingerprint(key) for key in keys})


def _fingerprint(key: str) -> str:
    try:
        return fingerprint(base64.b64decode(key, validate=True))
    except ValueError:
        return key


def _is_at(account: Mapping[str, Any], server: End, known: frozenset[str], *, is_local: bool) -> bool:
    if account["protocol"] not in _SERVED:
        return False
    if any(not known.isdisjoint(pinned.split()) for pinned in account["host_keys"] or ()):
        return True
    return account["host"] in server.addresses or (is_local and account["host"] in _THIS_HOST)


def _compared(server: End, mailbox: str, home: str, clients: _Clients, now: float) -> Iterator[dict[str, Any]]:
    imports = [job for job in server.jobs if job["direction"] == "import"]
    received = [file for file in server.files if file.direction == "import" and _is_below(_origin(file), home)]
    watched = {posixpath.normpath(folder) for job in imports for folder in job["folders"] or ()}
    watched |= {posixpath.dirname(_origin(file)) for file in received}
    sent = [copy for copy in _of_clients(clients, home, "dropoff") if posixpath.dirname(copy.path) in watched]
    placed = [
        _copy(file, _there(home, file))
        for file in server.files
        if file.direction == "dropoff" and file.account == mailbox and file.job.startswith(PLACE)
    ]
    pair = {
        "client": {
            "host": ", ".join(dict.fromkeys(end.name for end, _account in clients)),
            "account": ", ".join(dict.fromkeys(account for _end, account in clients)),
        },
        "server": {"host": server.name, "account": mailbox},
    }
    horizon = max(server.horizon, *(end.horizon for end, _account in clients))
    if any(_is_below(folder, home) for folder in watched):
        imported = [_copy(file, _origin(file)) for file in received if file.outcome == _DELIVERED]
        wait = _Wait(imports, now, {_origin(file) for file in received if file.outcome in _FINAL})
        yield {"kind": "sent", **pair, **_difference(_SENT, sent, imported, horizon, wait)}
    if placed:
        fetched = _of_clients(clients, home, "pickup")
        stopped = {copy.path for copy in _of_clients(clients, home, "pickup", _FINAL)}
        pickups = [
            job
            for end, account in clients
            for job in end.jobs
            if (job["direction"], job["account"]) == ("pickup", account)
        ]
        yield {"kind": "placed", **pair, **_difference(_PLACED, placed, fetched, horizon, _Wait(pickups, now, stopped))}


_SENT = ("sent_not_imported", "imported_not_sent")
_PLACED = ("placed_not_fetched", "fetched_not_placed")


def _of_clients(clients: _Clients, home: str, direction: str, outcomes: Sequence[str] = (_DELIVERED,)) -> list[_Copy]:
    return [
        _copy(file, _there(home, file))
        for end, account in clients
        for file in end.files
        if (file.direction, file.account) == (direction, account) and file.outcome in outcomes
    ]


def _copy(file: File, path: str) -> _Copy:
    began = min(file.changed, file.modified or file.changed)
    return _Copy(path, posixpath.basename(path), file.size, file.sha256, file.changed, began)


def _there(home: str, file: File) -> str:
    """Return the path on the server of a file that a client has sent or fetched: its root is the account's folder."""
    return posixpath.normpath(f"{home}/{(file.remote_path or '').lstrip('/')}")


def _origin(file: File) -> str:
    """Return the path of a file that an import has taken."""
    return posixpath.normpath(f"{file.folder or ''}/{file.name}")


def _is_below(path: str, home: str) -> bool:
    return path.startswith(f"{posixpath.normpath(home)}/")


class _Wait:
    """How long a file may lie until a job of the other end has taken it.

    :param stopped: the paths of files that the other end knows, and does not take by itself.
    """

    def __init__(self, jobs: Sequence[Mapping[str, Any]], now: float, stopped: Set[str]) -> None:
        self._now, self._stopped = now, stopped
        self._began = max((_seconds((job["last_run"] or {}).get("began")) for job in jobs), default=0.0)
        self._interval = max((_interval(job) for job in jobs), default=0)

    def is_over(self, copy: _Copy) -> bool:
        """Return whether a run has begun since, or was due."""
        at = _seconds(copy.at)
        return copy.path in self._stopped or max(self._began, self._now - self._interval) > at + MARGIN


def _interval(job: Mapping[str, Any]) -> int:
    """Return the seconds between two runs. A calendar event counts as daily."""
    if not job["enabled"]:
        return 0
    found = _EVERY.match(job["schedule"] or "")
    return int(found[1]) * UNITS[found[2]] if found else DAY


def _seconds(moment: str | None) -> float:
    try:
        return float(calendar.timegm(time.strptime(moment or "", "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return 0.0


def _difference(
    words: tuple[str, str], given: Iterable[_Copy], taken: Iterable[_Copy], horizon: str, wait: _Wait
) -> dict[str, Any]:
    """Match the copies of two ends; return how many match, and each difference by name, the latest first.

    :param words: for what was given and not taken, and for what was taken and not given.
    """
    ends: dict[str, tuple[list[_Copy], list[_Copy]]] = defaultdict(lambda: ([], []))
    for copy in given:
        ends[copy.path][0].append(copy)
    for copy in taken:
        ends[copy.path][1].append(copy)
    matched, differences = 0, []
    for ours, theirs in ends.values():
        number, waiting, lonely = _without_matches(ours, theirs)
        matched += number
        # The other end of what began before the horizon may be missing only because it is older.
        lonely = [copy for copy in lonely if copy.began >= horizon]
        waiting = [copy for copy in waiting if copy.at >= horizon and (lonely or wait.is_over(copy))]
        both = min(len(waiting), len(lonely))
        differences += [_told(copy, "other_bytes") for copy in waiting[:both]]
        differences += [_told(copy, words[0]) for copy in waiting[both:]]
        differences += [_told(copy, words[1]) for copy in lonely[both:]]
    differences.sort(key=lambda one: (one["since"], one["name"]), reverse=True)
    return {"matched": matched, "differences": differences}


def _without_matches(ours: list[_Copy], theirs: list[_Copy]) -> tuple[int, list[_Copy], list[_Copy]]:
    """Match the oldest copies first. One without a SHA-256 matches by its size alone."""
    known: dict[tuple[int | None, str | None], list[_Copy]] = defaultdict(list)
    for copy in theirs:
        known[copy.size, copy.sha256].append(copy)
    left, matched = [], 0
    for copy in reversed(ours):
        keys = [key for key in ((copy.size, copy.sha256), (copy.size, None)) if known.get(key)]
        if not keys and copy.sha256 is None:
            keys = [key for key, copies in known.items() if copies and copies[0].size == copy.size]
        if keys:
            known[keys[0]].pop()
            matched += 1
        else:
            left.append(copy)
    return matched, left[::-1], [copy for copies in known.values() for copy in copies]


def _told(copy: _Copy, what: str) -> dict[str, Any]:
    return {"name": copy.name, "size": copy.size, "since": copy.at, "what": what}
