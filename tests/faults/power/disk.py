# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A disk that keeps what POSIX promises, and not a byte more.

What was done to a file (its bytes, its length, its mode and time) survives a power cut once fsync(2) of that file has
returned; what was done to a folder (a name that came or went) once fsync of that folder has. Until then each of these
*effects* may have survived or not, whatever became of those before and after it, and a write may have survived in part.

A rename is one effect, so it is never half done; but where it goes from one folder to another, each folder's own sync
promises that folder's half alone. Syncing a file does not promise that its name survives, nor does syncing a folder
promise anything of the folder that it is in.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from ..world import File, Picture

SOME_DAY = 1_760_000_000 * 10**9
"""ns since 1970: the time of every file that was written and not told what time it has."""

SECTOR = 512  # bytes; what a disk writes whole

NOW = -1
"""The time that a file gets by being written."""


class Enter(NamedTuple):
    """A name comes to stand for a file or folder."""

    name: str
    node: int


class Leave(NamedTuple):
    """A name goes."""

    name: str


class Move(NamedTuple):
    """A name becomes another one in the same folder."""

    old: str
    new: str
    node: int


class Write(NamedTuple):
    offset: int
    data: bytes


class Resize(NamedTuple):
    size: int


class Mode(NamedTuple):
    mode: int


class Time(NamedTuple):
    ns: int


What = Union[Enter, Leave, Move, Write, Resize, Mode, Time]

_NAMES = (Enter, Leave, Move)


def is_name(what: What) -> bool:
    """Whether this happened to a name, not to what is in a file."""
    return isinstance(what, _NAMES)


@dataclass
class Effect:
    """What one call did to one file or folder.

    :param number: its place in the order of all effects.
    :param done: at which event it was done; :param safe: and from which on it survives, if ever.
    :param node: whose sync makes it safe.
    :param twin: the number of the effect that is the other half of a rename between folders.
    """

    number: int
    done: int
    node: int
    what: What
    safe: int | None = None
    twin: int | None = None

    def is_safe(self, event: int) -> bool:
        return self.safe is not None and self.safe <= event


class Torn(NamedTuple):
    """How writes that were under way have survived in part."""

    effects: frozenset[int] = frozenset()
    how: str = ""  # "zeroes": their length only; "half": the first half of their sectors


WHOLE = Torn()


@dataclass
class _Node:
    """A file, or (``file`` is None) a folder, as it was in the beginning."""

    file: File | None
    entries: dict[str, int] = field(default_factory=dict)
    effects: list[int] = field(default_factory=list)


Links = frozenset[tuple[str, ...]]
"""Paths that stand for one and the same file, for each file that has several."""


class Tree(NamedTuple):
    """What is found on the disk after a cut."""

    picture: Picture
    links: Links


class Disk:
    """Follows what is done to some folders.

    :param roots: the paths of the folders; what is not in them is somebody else's.
    :param picture: everything that is in them in the beginning, safely; :param links: and which names are one file's.
    """

    def __init__(self, roots: Collection[str], picture: Picture, links: Links = frozenset()) -> None:
        self.effects: list[Effect] = []
        self._nodes: list[_Node] = []
        self._now: list[dict[str, int]] = []
        self._roots = {root: self._new(None) for root in roots}
        self._built: dict[tuple[int, frozenset[int], Torn], File | None] = {}
        first = {path: several[0] for several in links for path in several[1:]}
        for path in sorted(picture):
            if self.root_of(path) and path not in self._roots:
                folder, name = self.parent(path)
                node = self.node_at(first.get(path, ""))
                if node is None:
                    node = self._new(picture[path])
                self._nodes[folder].entries[name] = self._now[folder][name] = node

    def root_of(self, path: str) -> str | None:
        """The folder of ours that a path is in, or is."""
        return next((root for root in self._roots if path == root or path.startswith(f"{root}/")), None)

    def parent(self, path: str) -> tuple[int, str]:
        """The folder that a path is in, and the last part of the path."""
        above, name = os.path.split(path)
        folder = self.node_at(above)
        if folder is None:
            raise ValueError(f"there is no folder {above}")
        return folder, name

    def node_at(self, path: str) -> int | None:
        """What a path stands for now, to a program that runs."""
        root = self.root_of(path)
        if root is None:
            return None
        node: int | None = self._roots[root]
        for name in path[len(root) :].split("/"):
            if name and node is not None:
                node = self._now[node].get(name)
        return node

    # --- what is done

    def make(self, path: str, event: int, *, file: File | None) -> int:
        """A new file, empty, or a new folder (None)."""
        folder, name = self.parent(path)
        node = self._new(file)
        self._note(event, folder, Enter(name, node))
        return node

    def link(self, node: int, path: str, event: int) -> None:
        folder, name = self.parent(path)
        self._note(event, folder, Enter(name, node))

    def unlink(self, path: str, event: int) -> None:
        folder, name = self.parent(path)
        self._note(event, folder, Leave(name))

    def rename(self, old: str, new: str, event: int) -> None:
        folder, name = self.parent(old)
        into, new_name = self.parent(new)
        node = self._now[folder][name]
        if folder == into:
            self._note(event, folder, Move(name, new_name, node))
            return
        # The name that comes is the first of the two, so that it wins over one that is in its way.
        comes = self._note(event, into, Enter(new_name, node))
        goes = self._note(event, folder, Leave(name))
        comes.twin, goes.twin = goes.number, comes.number

    def change(self, node: int, what: Write | Resize | Mode | Time, event: int) -> None:
        self._note(event, node, what)

    def sync(self, node: int, *, began: int, ended: int, data_only: bool = False) -> None:
        """What was done to a file or folder before a sync began is safe once that has ended.

        :param data_only: fdatasync(2): a file's mode and time are not part of it.
        """
        for number in self._nodes[node].effects:
            effect = self.effects[number]
            is_part = not (data_only and isinstance(effect.what, (Mode, Time)))
            if effect.done < began and effect.safe is None and is_part:
                effect.safe = ended

    def _note(self, event: int, node: int, what: What) -> Effect:
        effect = Effect(len(self.effects), event, node, what)
        self.effects.append(effect)
        self._nodes[node].effects.append(effect.number)
        if is_name(what):
            _apply_name(self._now[node], what)
        return effect

    def _new(self, file: File | None) -> int:
        self._nodes.append(_Node(file))
        self._now.append({})
        return len(self._nodes) - 1

    # --- what may be left of it

    def tree(self, effects: Collection[int], torn: Torn = WHOLE) -> Tree:
        """What is on the disk when these effects, and no others, have survived."""
        entries = [dict(node.entries) for node in self._nodes]
        for effect in self.effects:
            if effect.number in effects and is_name(effect.what):
                _apply_name(entries[effect.node], effect.what)
        picture: dict[str, File | None] = {}
        paths: dict[int, list[str]] = {}
        for path, node in self._walk(entries):
            picture[path] = self._file(node, effects, torn)
            paths.setdefault(node, []).append(path)
        links = (tuple(sorted(several)) for node, several in paths.items() if len(several) > 1)
        return Tree(picture, frozenset(links))

    def _walk(self, entries: list[dict[str, int]]) -> Iterator[tuple[str, int]]:
        rest = list(self._roots.items())
        while rest:
            above, folder = rest.pop()
            for name, node in entries[folder].items():
                path = f"{above}/{name}"
                yield path, node
                if self._nodes[node].file is None:
                    rest.append((path, node))

    def _file(self, node: int, effects: Collection[int], torn: Torn) -> File | None:
        first = self._nodes[node].file
        if first is None:
            return None
        chosen = frozenset(number for number in self._nodes[node].effects if number in effects)
        parts = Torn(torn.effects & chosen, torn.how if torn.effects & chosen else "")
        key = (node, chosen, parts)
        if key not in self._built:
            self._built[key] = self._build(first, sorted(chosen), parts)
        return self._built[key]

    def _build(self, first: File, chosen: list[int], torn: Torn) -> File:
        content, mode, time = bytearray(first.content), first.mode, first.mtime_ns
        safe_size = len(content)
        for number in chosen:
            what = self.effects[number].what
            if isinstance(what, Write):
                _write(content, what, torn.how if number in torn.effects else "", safe_size)
                time = NOW
            elif isinstance(what, Resize):
                _resize(content, what.size)
                time = NOW
            elif isinstance(what, Mode):
                mode = what.mode
            elif isinstance(what, Time):
                time = what.ns
            if number not in torn.effects:
                safe_size = len(content)
        return File(mode, SOME_DAY if time == NOW else time, bytes(content))


def _apply_name(entries: dict[str, int], what: What) -> None:
    if isinstance(what, Enter):
        entries[what.name] = what.node
    elif isinstance(what, Leave):
        entries.pop(what.name, None)
    elif isinstance(what, Move):
        entries.pop(what.old, None)
        entries[what.new] = what.node


def _write(content: bytearray, what: Write, how: str, safe_size: int) -> None:
    data = what.data
    if how == "half":
        data = data[: len(data) // 2 // SECTOR * SECTOR]
    elif how == "zeroes":
        # Where there was something before, that is still there; where the file has grown, nothing is.
        old = bytes(content[what.offset : min(what.offset + len(data), safe_size)])
        data = old + bytes(len(data) - len(old))
    end = what.offset + len(data)
    if data:
        _resize(content, max(len(content), end))
        content[what.offset : end] = data


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))
