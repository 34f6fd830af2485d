# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run, or several one after the other, did to the disk and to the server, call by call."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..world import File
from .disk import NOW, Disk, Mode, Resize, Time, Write
from .provider import Provider
from .tracer import Call, Descriptor

# What these do is somebody else's, or nothing that a power cut could undo.
_NOTHING = ("shutdown", "connect", "kill", "tkill", "tgkill", "chown", "fchown", "fchownat", "lchown")

_INDEX = "-shm"


@dataclass(frozen=True)
class Happened:
    """An event for people: when, and what.

    :param syncs: the path that it makes safe, if any.
    """

    event: int
    text: str
    syncs: str = ""


class Recording:
    """Follows system calls on a model of the disk and of the server's folder.

    :param disk: as it is when the first call is made.
    :param first: the number of the first event; those of an earlier run on the same disk come before.
    """

    def __init__(self, disk: Disk, provider: Provider, first: int = 0) -> None:
        self.disk = disk
        self.provider = provider
        self.first = first
        self.last = first
        self.happened: list[Happened] = []
        self._positions: dict[int, int] = {}

    def follow(self, calls: Iterable[Call], *, skip: Callable[[Happened], bool], until: int | None = None) -> None:
        """Take in what a process did.

        :param skip: which syncs are to be taken for never done; :param until: the last event to take in.
        :raises ValueError: a call of which this model does not know what it does to the disk.
        """
        for call in calls:
            if call.name in _NOTHING:
                continue
            action = getattr(self, f"_{call.name}", None)
            if action is None:
                raise ValueError(f"a call that this model does not know: {call}")
            ended = self.first + 1 + call.ended
            if until is not None and ended > until:
                return
            known = len(self.disk.effects)
            text = action(call, ended)
            if not text or text.endswith(_INDEX):
                # The index of SQLite's log is not for a disk, and nothing reads it after a cut.
                for effect in self.disk.effects[known:]:
                    effect.safe = ended
                continue
            syncs = text.partition(" ")[2] if call.name in ("fsync", "fdatasync") else ""
            what = Happened(ended, text, syncs)
            self.last = ended
            self.happened.append(what)
            if syncs and not skip(what):
                self._sync(call, ended)

    # --- names. Each of these returns what has happened, in words; nothing if that is of no interest.

    def _openat(self, call: Call, event: int) -> str:
        folder, name, flags = call.arguments[:3]
        return self._opened(_path(folder, name), flags, call, event)

    def _open(self, call: Call, event: int) -> str:
        return self._opened(os.fsdecode(call.arguments[0]), call.arguments[1], call, event)

    def _opened(self, path: str, flags: str, call: Call, event: int) -> str:
        self._positions[call.result.number] = 0
        path = call.result.path or path  # as the kernel understood it
        writes = "O_WRONLY" in flags or "O_RDWR" in flags
        if self.disk.root_of(path) is None:
            if writes and not path.startswith("/dev/"):
                raise ValueError(f"{path} is opened for writing, which is not in the world that is watched")
            return ""
        if any(flag in flags for flag in ("O_SYNC", "O_DSYNC", "O_APPEND", "O_TMPFILE")):
            raise ValueError(f"{path} is opened in a way that this model does not know: {flags}")
        node = self.disk.node_at(path)
        if node is None:
            if "O_CREAT" not in flags:
                raise ValueError(f"{path} was there, and the model did not know of it")
            mode = int(call.arguments[-1], 8) & ~_umask()
            self.disk.make(path, event, file=File(mode, NOW, b""))
            return f"create {path}"
        if "O_TRUNC" in flags:
            self.disk.change(node, Resize(0), event)
            return f"empty {path}"
        return ""

    def _mkdir(self, call: Call, event: int) -> str:
        return self._made(_absolute(call.arguments[0]), event)

    def _mkdirat(self, call: Call, event: int) -> str:
        return self._made(_path(*call.arguments[:2]), event)

    def _made(self, path: str, event: int) -> str:
        self.disk.make(path, event, file=None)
        return f"mkdir {path}"

    def _unlink(self, call: Call, event: int) -> str:
        return self._gone("unlink", _absolute(call.arguments[0]), event)

    def _rmdir(self, call: Call, event: int) -> str:
        return self._gone("rmdir", _absolute(call.arguments[0]), event)

    def _unlinkat(self, call: Call, event: int) -> str:
        return self._gone("unlink", _path(*call.arguments[:2]), event)

    def _gone(self, how: str, path: str, event: int) -> str:
        self.disk.unlink(path, event)
        return f"{how} {path}"

    def _rename(self, call: Call, event: int) -> str:
        return self._renamed(_absolute(call.arguments[0]), _absolute(call.arguments[1]), event)

    def _renameat(self, call: Call, event: int) -> str:
        return self._renamed(_path(*call.arguments[:2]), _path(*call.arguments[2:4]), event)

    def _renameat2(self, call: Call, event: int) -> str:
        if call.arguments[4] not in ("0", "RENAME_NOREPLACE"):
            raise ValueError(f"a rename that this model does not know: {call}")
        return self._renameat(call, event)

    def _renamed(self, old: str, new: str, event: int) -> str:
        self.disk.rename(old, new, event)
        return f"rename {old} to {new}"

    def _link(self, call: Call, event: int) -> str:
        return self._linked(_absolute(call.arguments[0]), _absolute(call.arguments[1]), event)

    def _linkat(self, call: Call, event: int) -> str:
        return self._linked(_path(*call.arguments[:2]), _path(*call.arguments[2:4]), event)

    def _linked(self, old: str, new: str, event: int) -> str:
        node = self.disk.node_at(old)
        if node is None:
            raise ValueError(f"{old} was there, and the model did not know of it")
        self.disk.link(node, new, event)
        return f"link {old} to {new}"

    # --- contents

    def _write(self, call: Call, event: int) -> str:
        target, data, _length = call.arguments
        if _is_socket(target):
            return self._sent(target, data, call, event)
        position = self._positions.get(target.number, 0)
        self._positions[target.number] = position + int(call.result)
        return self._written(target, position, data[: int(call.result)], event)

    def _pwrite64(self, call: Call, event: int) -> str:
        target, data, _length, offset = call.arguments
        return self._written(target, int(offset), data[: int(call.result)], event)

    def _written(self, target: Descriptor, offset: int, data: bytes, event: int) -> str:
        node = self._node(target)
        if node is None:
            return ""
        self.disk.change(node, Write(offset, data), event)
        return f"write {len(data)} bytes at {offset} of {target.path}"

    def _lseek(self, call: Call, event: int) -> str:
        self._positions[call.arguments[0].number] = int(call.result)
        return ""

    def _ftruncate(self, call: Call, event: int) -> str:
        return self._resized(call.arguments[0], int(call.arguments[1]), event)

    def _resized(self, target: Descriptor, size: int, event: int) -> str:
        node = self._node(target)
        if node is None:
            return ""
        self.disk.change(node, Resize(size), event)
        return f"resize to {size} {target.path}"

    def _fchmod(self, call: Call, event: int) -> str:
        target, mode = call.arguments
        node = self._node(target)
        if node is None:
            return ""
        self.disk.change(node, Mode(int(mode, 8)), event)
        return f"chmod {mode} {target.path}"

    def _utimensat(self, call: Call, event: int) -> str:
        target, name, times, _flags = call.arguments
        found = re.findall(r"tv_sec=(\d+)\D*tv_nsec=(\d+)", times)
        if name != "NULL" or len(found) != 2:
            raise ValueError(f"times that this model does not know: {call}")
        node = self._node(target)
        if node is None:
            return ""
        self.disk.change(node, Time(int(found[1][0]) * 10**9 + int(found[1][1])), event)
        return f"set the time of {target.path}"

    def _mmap(self, call: Call, event: int) -> str:
        target = call.arguments[4]
        if isinstance(target, Descriptor) and target.path and self.disk.root_of(target.path):
            is_writing = "MAP_SHARED" in call.arguments[3] and "PROT_WRITE" in call.arguments[2]
            if is_writing and not target.path.endswith(_INDEX):
                raise ValueError(f"{target.path} is written by way of memory, where this model does not see it")
        return ""

    def _fsync(self, call: Call, event: int) -> str:
        return self._synced(call)

    def _fdatasync(self, call: Call, event: int) -> str:
        return self._synced(call)

    def _synced(self, call: Call) -> str:
        target = call.arguments[0]
        return "" if self._node(target) is None else f"{call.name} {target.path}"

    def _sync(self, call: Call, event: int) -> None:
        node = self._node(call.arguments[0])
        if node is not None:
            began = self.first + 1 + call.began
            self.disk.sync(node, began=began, ended=event, data_only=call.name == "fdatasync")

    # --- the network

    def _sendto(self, call: Call, event: int) -> str:
        return self._sent(call.arguments[0], call.arguments[1], call, event)

    def _sent(self, target: Descriptor, data: bytes, call: Call, event: int) -> str:
        data = data[: int(call.result)]
        self.provider.heard(str(target.path), data, event)
        return f"send {len(data)} bytes"

    def _recvfrom(self, call: Call, event: int) -> str:
        target, data = call.arguments[:2]
        if not isinstance(data, bytes):
            return ""  # the end of the connection
        self.provider.said(str(target.path), data, event)
        return f"receive {len(data)} bytes"

    # ---

    def _node(self, target: Descriptor) -> int | None:
        """The file or folder behind a descriptor; None if it is none of ours, or has no name any more."""
        if target.path is None or self.disk.root_of(target.path) is None:
            return None
        node = self.disk.node_at(target.path)
        if node is None:
            raise ValueError(f"{target.path} was there, and the model did not know of it")
        return node


def _absolute(path: bytes) -> str:
    """:raises ValueError: where a relative path leads, nobody knows here."""
    if not path.startswith(b"/"):
        raise ValueError(f"a relative path: {os.fsdecode(path)}")
    return os.path.normpath(os.fsdecode(path))


def _path(folder: Descriptor, name: bytes) -> str:
    return os.path.normpath(os.path.join(folder.path or "", os.fsdecode(name)))


def _is_socket(target: Descriptor) -> bool:
    return (target.path or "").startswith("socket:")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
