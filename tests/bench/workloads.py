# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a case: made before the clock runs, and checked one by one after it has stopped."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from arena import EMPTY, Site
from cases import PUT, Case
from ours import Ours
from support.peers import Peer
from support.stopwatch import Usage

CHUNK = 1 << 20
LARGE = 16 << 20
LINKS = 50_000  # names that one file may have; ext4 allows 65,000
LONG_AGO = 1_700_000_000  # when the crowd's files were changed, in seconds since 1970


class Workload(Protocol):
    """What every contestant of a case does in its turn."""

    def prepare(self, peer: Peer) -> None:
        """Bring a new contestant to where the case begins."""

    def transfer(self, peer: Peer, files: int, size: int) -> Usage:
        """Do it once, from clean folders to clean folders.

        :raises RuntimeError: a file was lost or changed.
        """


class Moving:
    """All files of a folder go to the other side."""

    def __init__(self, case: Case, site: Site) -> None:
        self._case = case
        self._site = site
        self._stock = site.folder / "stock"
        self._stock.mkdir(exist_ok=True)
        self._expected: dict[tuple[int, int], dict[str, str]] = {}

    def prepare(self, peer: Peer) -> None:
        """Ours makes its ledger once."""
        if isinstance(peer, Ours):
            peer.fetch(EMPTY, peer.target.folder)

    def transfer(self, peer: Peer, files: int, size: int) -> Usage:
        server = self._site.server
        local = peer.target.folder / "local"
        local.mkdir()
        putting = self._case.direction == PUT
        source, target = (local, server.input) if putting else (server.pickup, local)
        expected = self._provide(source, files, size)
        if not putting:
            for path in source.iterdir():
                server.give(path)
        self._site.settle()
        usage = peer.put(local, "input") if putting else peer.fetch("pickup", local)
        if digests(target) != expected or os.listdir(server.pickup):
            raise RuntimeError(f"{peer.name} did not move every file: {self._case}")
        self._put_aside(server.input, server.root / "done")
        self._put_aside(local, self._site.folder / "done")
        local.rmdir()
        return usage

    def _put_aside(self, folder: Path, done: Path) -> None:
        """Empty a folder. Small files are not deleted before the end: ext4 without a journal leaves the inodes of what
        was deleted alone for minutes, and looks at all of them for each new file.
        """
        if self._case.size < LARGE:
            done.mkdir(exist_ok=True)
            into = Path(tempfile.mkdtemp(dir=done))
            for path in folder.iterdir():
                path.rename(into / path.name)
            return
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _provide(self, folder: Path, files: int, size: int) -> dict[str, str]:
        """Put files from a stock that is made once into a folder, and return their digests."""
        stock = self._stock / f"{files}x{size}"
        if (files, size) not in self._expected:
            if not stock.exists():
                stock.mkdir()
                for number in range(files):
                    write(stock / f"invoice-{number:06}.xml", size)
            self._expected[files, size] = digests(stock)
        for path in stock.iterdir():
            provide(path, folder / path.name)
        return self._expected[files, size]


class News:
    """A remote folder full of files that are known, and perhaps a few that are new."""

    def __init__(self, case: Case, site: Site) -> None:
        self._case = case
        self._site = site
        self._remote = f"crowd-{case.known}"
        self._crowd = site.remote_folder(self._remote)
        self._here = site.folder / self._remote  # what peers look at to see what is new
        self._here.mkdir(exist_ok=True)
        self._names = [f"invoice-{number:06}.xml" for number in range(case.known)]
        self._made = 0

    def prepare(self, peer: Peer) -> None:
        """Ours knows the files from its ledger: it has fetched the first one, and the others are said to be like it."""
        first = self._names[0]
        if isinstance(peer, Ours):
            others = self._crowd.with_name("aside")
            self._crowd.rename(others)
            self._site.remote_folder(self._remote)
            self._fill([first])
            dest = peer.target.folder / "dest"
            dest.mkdir()
            peer.fetch_new(self._remote, dest)
            (dest / first).unlink()
            know(peer.ledger, first, self._names[1:])
            shutil.rmtree(self._crowd)
            others.rename(self._crowd)
        self._fill(self._names)

    def transfer(self, peer: Peer, files: int, size: int) -> Usage:
        dest = peer.target.folder / "dest" if isinstance(peer, Ours) else self._here
        before = set(os.listdir(dest))
        new = {}
        for _number in range(files):
            self._made += 1
            path = write(self._crowd / f"new-{self._made:06}.xml", size)
            new[self._site.server.give(path).name] = digest(path)
        self._site.settle()
        usage = peer.fetch_new(self._remote, dest)
        came = set(os.listdir(dest)) - before
        if {name: digest(dest / name) for name in came} != new:
            raise RuntimeError(f"{peer.name} did not fetch just what was new: {self._case}")
        for name in new:
            (self._crowd / name).unlink()
            (dest / name).unlink()
        return usage

    def _fill(self, names: Sequence[str]) -> None:
        """Names of a few files: 100,000 of their own would take the file system minutes to make and to remove."""
        for folder in (self._crowd, self._here):
            have = set(os.listdir(folder))
            for start in range(0, len(names), LINKS):
                some = [name for name in names[start : start + LINKS] if name not in have]
                for name in some[:1]:
                    (folder / name).write_bytes(b"<invoice/>\n")
                    os.utime(self._site.server.give(folder / name), (LONG_AGO, LONG_AGO))
                for name in some[1:]:
                    os.link(folder / some[0], folder / name)


def workload(case: Case, site: Site) -> Workload:
    return News(case, site) if case.known else Moving(case, site)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by name; folders in it are left out."""
    return {path.name: digest(path) for path in folder.iterdir() if path.is_file()}


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def write(path: Path, size: int) -> Path:
    """A file of random bytes."""
    with path.open("wb") as file:
        while size:
            size -= file.write(os.urandom(min(size, CHUNK)))
    return path


def provide(path: Path, name: Path) -> None:
    """A copy of a file, or, of a large one, another name where that is possible: nobody changes it.

    It is new each time: ours does not send again what it has sent before.
    """
    if path.stat().st_size >= LARGE:
        with contextlib.suppress(OSError):
            os.link(path, name)
            os.utime(name)
            return
    shutil.copyfile(path, name)


def know(ledger: Path, like: str, names: Sequence[str]) -> None:
    """Let a ledger that has a row of one file have the same row for others."""
    with contextlib.closing(sqlite3.connect(ledger)) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(transfer)") if row[1] != "id"]
        same = (
            f"CASE typeof({column}) WHEN 'text' THEN replace({column}, :like, :name) ELSE {column} END"
            for column in columns
        )
        clone = f"INSERT INTO transfer ({', '.join(columns)}) SELECT {', '.join(same)} FROM transfer WHERE id = :id"
        (number,) = db.execute("SELECT max(id) FROM transfer WHERE name = ?", (like,)).fetchone()
        with db:
            db.executemany(clone, ({"like": like, "name": name, "id": number} for name in names))
