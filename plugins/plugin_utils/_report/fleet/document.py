# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the document of a fleet from what its hosts have answered. Page, JSON file and CSV file are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....module_utils._engine.local.names import as_data
from ....module_utils._engine.states import OPEN_OUTCOMES
from ....module_utils._engine.text import iso_time
from ....module_utils._engine.version import VERSION
from ....module_utils._report import File
from .reconcile import End, reconciliation
from .shape import COUNT, STATUS, TEXT, Misshapen, shaped, texts

MOST_FILES = 100_000
"""The number of files in a document. With more, a browser would need too long for the page."""

COLUMNS = ("host", *File._fields[:-1])


@dataclass(frozen=True)
class Answer:
    """Hold what came of asking one host.

    :ivar answer: what the module `report` has found there; None if it could not be asked.
    :ivar message: then, why.
    :ivar clock: by how many seconds the host's clock is ahead, at least; None if that is unknown.
    :ivar addresses: by which others may know it.
    """

    host: str
    reached: bool = True
    message: str = ""
    answer: Any = None
    clock: float | None = None
    addresses: Iterable[str] = ()


@dataclass(frozen=True)
class Period:
    """Hold when a report is made, in seconds since 1970, and the time from which it tells of files, in ISO 8601."""

    now: float
    since: str


@dataclass
class _Host:
    document: dict[str, Any]
    end: End
    files: list[File] = field(default_factory=list)


def document_of(answers: Iterable[Answer], period: Period, *, limit: str = "") -> dict[str, Any]:
    """Return the document.

    :param answers: one at a time is in memory.
    :param limit: which part of the fleet was asked; empty for all of it.
    """
    hosts = [_host(answer, period.since) for answer in answers]
    machines = _machines(hosts)
    share = _share([len(host.files) for host in hosts], MOST_FILES)
    rows = [[host.document["host"], *file[:-1]] for host in hosts for file in host.files[:share]]
    for host in hosts:
        host.document["left_out"] += max(0, len(host.files) - share)
    changed = COLUMNS.index("changed")
    rows.sort(key=lambda row: str(row[changed]), reverse=True)
    return {
        "made_at": iso_time(period.now),
        "since": period.since,
        "version": VERSION,
        "limit": as_data(limit),
        "hosts": [host.document for host in hosts],
        "files": {"columns": list(COLUMNS), "rows": rows},
        "reconciliation": reconciliation([host.end for host in machines], period.now),
    }


def without_times(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without what differs each time: two of them are equal if nothing has happened in between."""
    hosts = [{**host, "clock_ahead": None} for host in document["hosts"]]
    return {**document, "made_at": None, "since": None, "hosts": hosts}


def _machines(hosts: Iterable[_Host]) -> list[_Host]:
    """Return the hosts without those that are another one under a second name: they have the same files."""
    found: dict[tuple[File, ...], _Host] = {}
    alone = []
    for host in hosts:
        first = found.setdefault(tuple(host.files), host) if host.files else host
        if first is host:
            alone.append(host)
        else:
            name = first.document["host"]
            host.document["notes"].append(
                f"This seems to be the host {name} under another name: it has the same files."
            )
    return alone


def _host(answer: Answer, since: str) -> _Host:
    name = as_data(answer.host)
    document: dict[str, Any] = {
        "host": name,
        "reached": answer.reached,
        "message": as_data(answer.message),
        "clock_ahead": answer.clock,
        "version": "",
        "status": None,
        **{key: [] for key in ("jobs", "keys", "placed", "notes")},
        "counts": {},
        "left_out": 0,
    }
    try:
        return _Host(document, End(name, since)) if answer.answer is None else _answered(document, answer, since)
    except Misshapen as why:
        document["message"] = f"What filedrop there has answered is not of the expected form: {why}."
        return _Host(document, End(name, since))


def _answered(document: dict[str, Any], answer: Answer, since: str) -> _Host:
    given = answer.answer
    if not isinstance(given, Mapping):
        raise Misshapen("the answer is no object")
    about = shaped(given, {"message": TEXT, "version": TEXT, "rows": [(list,)], "server": {"host_keys": [TEXT]}})
    status = shaped(given.get("status") or {}, {**STATUS, "status": (*COUNT, type(None))})
    counts = shaped(given.get("counts") or {}, {str(key): COUNT for key in given.get("counts") or {}})
    mailboxes = texts((given.get("server") or {}).get("accounts") or {}, "server")
    known: dict[str, str] = {}
    files = [_file(row, known) for row in about["rows"]]
    found = {key: status[key] for key in ("status", "jobs", "keys", "placed", "notes")}
    document.update(found, version=about["version"], counts=counts)
    document["left_out"] = max(0, sum(counts.values()) - len(files))
    if found["status"] is None:
        document["message"] = about["message"]
    elif about["message"]:
        document["notes"].append(about["message"])
    past = [file.changed for file in files if file.outcome not in OPEN_OUTCOMES]
    end = End(
        name=document["host"],
        horizon=min(past, default=since) if document["left_out"] else since,
        accounts=status["accounts"],
        jobs=status["jobs"],
        files=files,
        mailboxes=mailboxes,
        host_keys=(about["server"] or {}).get("host_keys") or (),
        addresses=frozenset(answer.addresses),
    )
    return _Host(document, end, files)


_TEXTS = frozenset({"job", "account", "direction", "outcome", "name", "changed"})


def _file(row: Sequence[Any], known: dict[str, str]) -> File:
    """Read a file.

    :param known: texts of this host as data. Most of them are in many rows, and are kept once.
    """
    if len(row) != len(File._fields):
        raise Misshapen("a file has other columns")
    for name, cell in zip(File._fields, row):
        kind = type(cell)
        if kind is not (int if name == "size" else str) and (cell is not None or name in _TEXTS):
            raise Misshapen(f"{name} of a file is {kind.__name__}")
        if kind is str and cell not in known:
            known[cell] = as_data(cell)
    return File._make(known[cell] if isinstance(cell, str) else cell for cell in row)


def _share(sizes: Sequence[int], most: int) -> int:
    """Return how many files of each host are told, so that all together are at most so many."""
    left = most
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)
