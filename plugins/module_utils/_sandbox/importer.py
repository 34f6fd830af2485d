# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import monitor: take each complete file from ``input``, and place a report in ``pickup``.

Taking is a rename. Without a delay, it is done at once in the session's own thread: the file is gone before its CLOSE
is answered, as with the fastest providers. A separate thread reads the file and writes the report.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from .filesystem import Filesystem, Parts

#: Suffixes that mean "not complete yet" where files are renamed after the upload; compared in lower case.
TEMPORARY_SUFFIXES = (b".tmp", b".part", b".filepart", b".temp", b".inprocess", b".uploading")

_INPUT = b"input"
_LONGEST_NAME = 255

_log = logging.getLogger("filedrop.sandbox")


@dataclass(frozen=True)
class Mailbox:
    """Hold the folders of one account's files.

    :param files: the folders that its clients see, including ``input``.
    :param imported: the folder for files that were taken.
    :param pickup: the folder for the reports.
    :param work: a folder on the same file system for unfinished reports.
    """

    username: str
    files: Filesystem
    imported: str
    pickup: str
    work: str


@dataclass(frozen=True)
class _Taken:
    mailbox: Mailbox
    name: bytes
    stored: str
    received: datetime


@dataclass(frozen=True)
class _Due:
    mailbox: Mailbox
    parts: Parts


class Importer:
    """Import files for all accounts of a sandbox. ``delay``: seconds from a file's completion until it is taken."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.delay = delay
        self._tasks: list[tuple[float, int, _Due | _Taken]] = []
        self._order = itertools.count()
        self._working = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="sandbox import", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Import complete files without further delay, and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def wait(self, timeout: float) -> bool:
        """Wait until all complete files are imported and have reports. Return False after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._tasks and not self._working, timeout)

    def completed(self, mailbox: Mailbox, parts: Parts) -> None:
        """Accept a complete file. Only files directly in ``input`` without a temporary name are imported."""
        if len(parts) != 2 or parts[0] != _INPUT or parts[1].lower().endswith(TEMPORARY_SUFFIXES):
            return
        due = _Due(mailbox, parts)
        if self.delay <= 0:
            self._take(due)
        else:
            self._add(time.monotonic() + self.delay, due)

    def _add(self, when: float, task: _Due | _Taken) -> None:
        with self._changed:
            heapq.heappush(self._tasks, (when, next(self._order), task))
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            task = self._next()
            if task is None:
                return
            try:
                if isinstance(task, _Due):
                    self._take(task)
                else:
                    _report(task)
            except OSError:
                # For example a full disk, or a removed folder. The other files are still imported.
                _log.exception("A report could not be written.")
            with self._changed:
                self._working = False
                self._changed.notify_all()

    def _next(self) -> _Due | _Taken | None:
        with self._changed:
            while True:
                if self._tasks and (self._stopping or self._tasks[0][0] <= time.monotonic()):
                    self._working = True
                    return heapq.heappop(self._tasks)[2]
                if self._stopping:
                    return None
                self._changed.wait(self._tasks[0][0] - time.monotonic() if self._tasks else None)

    def _take(self, due: _Due) -> None:
        name = due.parts[1]
        try:
            _make(due.mailbox.imported)
            for candidate in free_names(name):
                stored = os.path.join(due.mailbox.imported, os.fsdecode(candidate))
                try:
                    taken = due.mailbox.files.take(due.parts, stored)
                except FileExistsError:
                    continue
                if taken:
                    self._add(0.0, _Taken(due.mailbox, name, stored, datetime.now(timezone.utc)))
                return
        except OSError:
            _log.exception("%s: %r stays in input.", due.mailbox.username, printable(name))


def free_names(name: bytes) -> Iterator[bytes]:
    """Yield the name, then the name with -2, -3 and so on before its extension. A stem that is too long is cut."""
    yield name
    stem, extension = os.path.splitext(name)
    for number in itertools.count(2):
        tail = b"-%d" % number + extension
        yield _cut(stem, _LONGEST_NAME - len(tail)) + tail


def printable(name: bytes) -> str:
    """Format a name for people and for JSON, which does not allow every file name."""
    return name.decode("utf-8", "backslashreplace")


def _cut(stem: bytes, length: int) -> bytes:
    """Cut a stem to a number of bytes, without cutting a UTF-8 character in two."""
    if len(stem) <= length:
        return stem
    end = length
    while end > length - 3 and stem[end] & 0xC0 == 0x80:
        end -= 1
    return stem[:end]


def _report(taken: _Taken) -> None:
    """Write the report to a temporary file, and publish it under a free name when it is complete."""
    digest, size = hashlib.sha256(), 0
    with open(taken.stored, "rb") as file:
        while chunk := file.read(1024 * 1024):
            digest.update(chunk)
            size += len(chunk)
    content = {
        "name": printable(taken.name),
        "size": size,
        "sha256": digest.hexdigest(),
        "received": taken.received.isoformat(timespec="milliseconds"),
    }
    _make(taken.mailbox.work)
    draft = os.path.join(taken.mailbox.work, f"{os.getpid()}-{threading.get_ident()}.json")
    with open(draft, "w", encoding="utf-8") as report:
        json.dump(content, report, ensure_ascii=False, indent=2)
        report.write("\n")
    try:
        name = _publish(draft, taken.mailbox.pickup, taken.name)
    finally:
        os.unlink(draft)
    sent, placed = printable(taken.name), printable(name)
    _log.info("%s: %r (%d bytes) imported, %r placed.", taken.mailbox.username, sent, size, placed)


def _make(folder: str) -> None:
    """Create a folder again if somebody has removed it, so that imports continue."""
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)


def _publish(draft: str, pickup: str, sent: bytes) -> bytes:
    """Rename the draft to the first free name that is made from the name of the sent file."""
    head, extension = b"report-", b".json"
    stem = _cut(os.path.splitext(sent)[0], _LONGEST_NAME - len(head) - len(extension))
    candidates = free_names(head + stem + extension)
    while True:
        candidate = next(candidates)
        try:
            os.link(draft, os.path.join(os.fsencode(pickup), candidate))
        except FileExistsError:
            continue
        return candidate
