# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Billit as the client of its user's server: read invoices from ``input``, and write invoices to ``pickup``.

It looks at the folders from time to time, as the real one does over SFTP. It knows nothing of uploads: what it finds
under a final name, it reads. So a file that is incomplete there is imported incomplete.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
import xml.etree.ElementTree
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from .filesystem import Rights
from .importer import TEMPORARY_SUFFIXES, free_names

DELETE, MOVE, MOVE_DAILY = AFTER = ("delete", "move", "move_daily")

_ALL = Rights(read=True, write=True, remove=True, rename=True)

#: The folders of its user's server. Whoever logs in may do everything there.
FOLDERS: Mapping[str, Rights] = MappingProxyType(
    {"input": _ALL, "pickup": _ALL, "success": Rights(read=True, write=True, remove=True, rename=True, make=True)}
)

_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff")
_UBL = ("Invoice", "CreditNote")

_log = logging.getLogger("filedrop.sandbox")


@dataclass(frozen=True)
class Habits:
    """Define how it treats an account.

    :param poll_every: seconds between two looks; 0: it never looks.
    :param require_pdf: take an XML and the PDF with its name together, and neither without the other.
    :param after: what to do with a file that it has read: one of ``AFTER``.
    """

    poll_every: float = 5.0
    require_pdf: bool = False
    after: str = DELETE


@dataclass(frozen=True)
class Place:
    """Hold the local folders of an account.

    :param issued: the folder of the invoices to write. Those that are written are moved to ``sent`` in it.
    :param imported: the folder for what it has read.
    """

    username: str
    input: str
    pickup: str
    success: str
    issued: str
    imported: str


class Billit:
    """Exchange files with all accounts that have habits."""

    def __init__(self) -> None:
        self._due: dict[Place, tuple[Habits, float]] = {}
        self._stopping = False
        self._changed = threading.Condition()
        # Held while it reads and writes.
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="sandbox Billit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def set_places(self, places: Mapping[Place, Habits]) -> None:
        """Look at these folders from now on, and at no others. It looks at new ones at once."""
        with self._changed:
            known, now = self._due, time.monotonic()
            self._due = {
                place: known[place] if place in known and known[place][0] == habits else (habits, now)
                for place, habits in places.items()
            }
            self._changed.notify_all()

    def poll(self, place: Place, habits: Habits) -> None:
        """Look once: read what is there, and write what was issued."""
        with self._busy:
            for name in _readable(place, habits):
                try:
                    _read(place, name, habits.after)
                except OSError:
                    _log.exception("%s: %r stays in input.", place.username, name)
            for name in _names(place.issued):
                try:
                    _write(place, name)
                except OSError:
                    _log.exception("%s: %r is not written.", place.username, name)

    def _work(self) -> None:
        while (due := self._next()) is not None:
            try:
                self.poll(*due)
            except OSError:
                # For example a folder that somebody has removed. It looks again the next time.
                _log.exception("%s: Billit could not look.", due[0].username)

    def _next(self) -> tuple[Place, Habits] | None:
        with self._changed:
            while not self._stopping:
                waiting = [(due, place, habits) for place, (habits, due) in self._due.items() if habits.poll_every > 0]
                first = min(waiting, key=lambda one: one[0], default=None)
                now = time.monotonic()
                if first is not None and first[0] <= now:
                    _moment, place, habits = first
                    self._due[place] = (habits, now + habits.poll_every)
                    return place, habits
                self._changed.wait(None if first is None else first[0] - now)
        return None


def _names(folder: str) -> list[str]:
    """Return the files in a folder that are not hidden and have no temporary name."""
    with os.scandir(folder) as entries:
        names = [one.name for one in entries if one.is_file(follow_symlinks=False)]
    suffixes = tuple(suffix.decode("ascii") for suffix in TEMPORARY_SUFFIXES)
    return sorted(name for name in names if not name.startswith(".") and not name.lower().endswith(suffixes))


def _readable(place: Place, habits: Habits) -> Iterator[str]:
    """Yield what it takes: each PDF before its XML, and a ZIP of attachments only after its XML."""
    names = _names(place.input)
    pdfs = {_stem(name): name for name in names if _is(name, ".pdf")}
    ubls = {_stem(name): name for name in names if _is(name, ".xml") and _is_ubl(os.path.join(place.input, name))}
    for stem, name in pdfs.items():
        if not habits.require_pdf or stem in ubls:
            yield name
    for stem, name in ubls.items():
        if not habits.require_pdf or stem in pdfs:
            yield name
    yield from (name for name in names if _is(name, *_IMAGES))
    yield from (name for name in names if _is(name, ".zip") and _was_read(place, f"{_stem(name)}.xml"))


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]


def _is(name: str, *extensions: str) -> bool:
    return os.path.splitext(name)[1].lower() in extensions


def _was_read(place: Place, name: str) -> bool:
    return os.path.lexists(os.path.join(place.imported, name))


def _is_ubl(path: str) -> bool:
    """Whether a file is a complete XML whose root is an invoice or a credit note of UBL."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, ValueError, xml.etree.ElementTree.ParseError):
        return False
    return root.tag.rpartition("}")[2] in _UBL


def _read(place: Place, name: str, after: str) -> None:
    """Copy a file to what was imported, and then delete it or move it, like a client over SFTP."""
    path = os.path.join(place.input, name)
    _copy(path, _free(place.imported, name))
    if after == DELETE:
        os.unlink(path)
    else:
        day = datetime.now().astimezone().strftime("%Y-%m-%d") if after == MOVE_DAILY else ""
        os.rename(path, _free(os.path.join(place.success, day), name))
    _log.info("%s: Billit has read %r.", place.username, name)


def _write(place: Place, name: str) -> None:
    """Write an issued invoice to pickup, under a temporary name first. A name that is taken there is left alone."""
    path, target = os.path.join(place.issued, name), os.path.join(place.pickup, name)
    draft = f"{target}.tmp"
    _copy(path, draft)
    try:
        os.link(draft, target)
    except FileExistsError:
        return
    finally:
        os.unlink(draft)
    os.rename(path, _free(os.path.join(place.issued, "sent"), name))
    _log.info("%s: Billit has written %r.", place.username, name)


def _free(folder: str, name: str) -> str:
    """Return the path of the first free name in a folder. The folder is created if it is missing."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    paths = (os.path.join(folder, os.fsdecode(one)) for one in free_names(os.fsencode(name)))
    return _first(path for path in paths if not os.path.lexists(path))


def _first(paths: Iterable[str]) -> str:
    for path in paths:
        return path
    raise FileExistsError


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as reading, open(target, "wb") as writing:
        shutil.copyfileobj(reading, writing)
    with contextlib.suppress(OSError):
        shutil.copystat(source, target)
