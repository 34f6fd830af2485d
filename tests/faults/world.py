# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both sides of a transfer on this machine: folders that can be photographed, put back, and told apart."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

OURS = re.compile(
    r"\.[0-9a-f]{8}\.part|\.filedrop-[0-9a-f]{12}-[0-9a-f]{12}\.part|\.filedrop-archive-[0-9a-f]{12}\.part"
    r"|\.filedrop-claim-.*\.part|\.filedrop-lock-[0-9a-f]{12}\.part"
)
"""The temporary names of the engine, on both sides."""

IDS = "ids"
"""The folder of a files API with a file for each name, with the fileIds that it has taken."""

CLAIM = re.compile(r"\.filedrop-claim-.*-[0-9a-f]{8}-(?P<name>.*)\.part")
"""A file that a host has claimed, with the name that it had."""

_RANDOM = re.compile(
    r"(?<=\.)[0-9a-f]{8}(?=\.part)|(?<=-)[0-9a-f]{8}(?=-[^/]*\.part)|(?<=-)[0-9a-f]{12}(?=[.-])|(?<=\.filedrop-)[a-z0-9_]{8}\b"
)


class File(NamedTuple):
    """A file as a photograph keeps it."""

    mode: int
    mtime_ns: int
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()[:16]


def without_random(text: str) -> str:
    """The same text for two runs that differ only in their temporary names."""
    return _RANDOM.sub("R", text)


Picture = Mapping[str, "File | None"]
"""A photograph: every file (None: a folder) by its path below the world's own folder."""


@dataclass(frozen=True)
class World:
    """The folders of one client and one provider.

    :param here: the client's folder; :param there: what the client sees of the server; :param kept: where the
        provider keeps what it took; :param shelf: the archive folder, on another file system where there is one.
    :param owner: whose the files on the server are.
    """

    here: Path
    there: Path
    kept: Path
    shelf: Path
    owner: tuple[int, int] | None = None
    _contents: dict[str, bytes] = field(default_factory=dict)

    @cached_property
    def outbox(self) -> Path:
        return self.here / "outbox"

    @property
    def archive(self) -> Path:
        return self.outbox / "archive"

    @property
    def inbox(self) -> Path:
        return self.here / "inbox"

    @cached_property
    def ledger(self) -> Path:
        return self.here / "state" / "ledger.sqlite3"

    @property
    def input(self) -> Path:
        return self.there / "input"

    @cached_property
    def pickup(self) -> Path:
        return self.there / "pickup"

    @property
    def done(self) -> Path:
        return self.there / "done"

    def make(self) -> World:
        for folder in (self.outbox, self.inbox, self.ledger.parent, self.input, self.pickup, self.done):
            folder.mkdir(parents=True, exist_ok=True)
            self._give(folder, folder.is_relative_to(self.there))
        self.kept.mkdir(parents=True, exist_ok=True)
        self.shelf.mkdir(parents=True, exist_ok=True)
        return self

    def photograph(self) -> Picture:
        found: dict[str, File | None] = {}
        for base in self._bases():
            for folder, folders, files in os.walk(base):
                found.update((os.path.join(folder, name), None) for name in folders)
                for name in files:
                    found[os.path.join(folder, name)] = self._file(os.path.join(folder, name))
        return found

    def put_back(self, picture: Picture) -> None:
        """Make everything as it was when the photograph was taken."""
        now = self.photograph()
        for path in sorted(now.keys() - picture.keys(), reverse=True):
            (os.rmdir if now[path] is None else os.unlink)(path)
        for path in sorted(picture):
            file = picture[path]
            if file == now.get(path) and path in now:
                continue
            if file is None:
                os.mkdir(path)
            else:
                self.put(Path(path), file.content, mtime_ns=file.mtime_ns, mode=file.mode)
            self._give(Path(path), path.startswith(str(self.there)))

    def put(self, path: Path, content: bytes, *, mtime_ns: int, mode: int = 0o644) -> None:
        """Give a name to a new file, as users and providers do: whole, and with a time that says nothing of today."""
        # A new inode: what a frozen server still has open is another file than the one that is put here.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, content)
            os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(descriptor)
        self._give(path, path.is_relative_to(self.there))

    def files(self, folder: Path) -> dict[str, bytes]:
        """The content of every file in a folder, by name."""
        if not folder.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def rows(self, picture: Picture) -> list[dict[str, object]]:
        """What the ledger of a photograph says, read without the engine, and without touching it; oldest first."""
        database = {path: file for path, file in picture.items() if path.startswith(str(self.ledger)) and file}
        if not database.get(str(self.ledger), File(0, 0, b"")).content:
            return []
        with _copied(database, self.ledger.name) as copy, contextlib.closing(sqlite3.connect(copy)) as found:
            found.row_factory = sqlite3.Row
            if not found.execute("SELECT 1 FROM sqlite_master WHERE name = 'transfer'").fetchone():
                return []
            return [dict(row) for row in found.execute("SELECT * FROM transfer ORDER BY id")]

    def drafts_of_ledger(self, picture: Picture) -> Iterator[str]:
        """What lies beside the ledger and is none of its own files."""
        own = (str(self.ledger), f"{self.ledger}-", f"{self.ledger}.")
        for path in picture:
            if os.path.dirname(path) == str(self.ledger.parent) and not (path == own[0] or path.startswith(own[1:])):
                yield os.path.basename(path)

    def fingerprint(self, picture: Picture) -> str:
        """Equal for two photographs between which a run can see no difference: other random names and times of day
        make none, nor does the history of what was abandoned.
        """
        state = str(self.ledger.parent)
        lines = [self._line(path, file) for path, file in picture.items() if not path.startswith(state)]
        lines.append(f"ledger {str(self.ledger) in picture} {any(self.drafts_of_ledger(picture))}")
        latest = {(row["folder"], row["name"]): row for row in self.rows(picture)}
        lines += [self._row_line(row, picture) for row in latest.values()]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def _line(self, path: str, file: File | None) -> str:
        if file is None:
            return path
        if os.path.basename(os.path.dirname(path)) == IDS:
            return path  # what it has are random ids
        is_original = os.path.dirname(path) in (str(self.outbox), str(self.pickup))
        return f"{without_random(path)} {file.digest} {file.mtime_ns if is_original else ''}"

    def _row_line(self, row: Mapping[str, object], picture: Picture) -> str:
        temporary = str(row["temporary"] or "")
        there = picture.get(str(self.there / temporary)) or picture.get(str(self.inbox / temporary))
        varying = ("id", "changed_at", "temporary", "local_path", "file_id", "request")
        plain = {key: row[key] for key in row if key not in varying}
        plain["remote_path"] = without_random(str(row["remote_path"]))
        return f"{plain} {bool(temporary)} {there.digest if there else None}"

    def _bases(self) -> Iterator[Path]:
        yield from (self.here, self.there, self.kept, self.shelf)

    def _give(self, path: Path, is_remote: bool) -> None:
        if is_remote and self.owner is not None:
            os.chown(path, *self.owner)

    def _file(self, path: str) -> File:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read()
        # Photographs share what is the same: there are thousands of them.
        content = self._contents.setdefault(hashlib.sha256(content).hexdigest(), content)
        return File(stat.S_IMODE(status.st_mode), status.st_mtime_ns, content)


@contextlib.contextmanager
def _copied(files: Mapping[str, File], name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=fast_folder()))
    try:
        for path, file in files.items():
            # The index of the log is made anew from the log itself.
            if not path.endswith("-shm"):
                (folder / os.path.basename(path)).write_bytes(file.content)
        yield folder / name
    finally:
        shutil.rmtree(folder)


def fast_folder() -> str | None:
    """A folder in memory, where there is one: what the disk would do is not what these tests are about."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
