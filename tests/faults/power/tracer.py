# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system calls of a process, with everything that they hand over, as strace(1) sees them.

All calls are recorded but those that change nothing (syscalls.py), those of all threads and libraries, SQLite's too.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import tempfile
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .. import syscalls

HUNG = 120.0  # seconds; nothing waits for this, it only ends a child that hangs
LONGEST = 1 << 26  # bytes of one string

_DONE = b"done"  # what the child says in the end

_ALSO = ("lseek", "mmap")  # they change nothing themselves, but where or how something is written

_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>(\(deleted\))?")


@dataclass(frozen=True)
class Descriptor:
    """An open file as an argument. ``path`` is what it is called at that time; None once it has no name any more."""

    number: int
    path: str | None


@dataclass(frozen=True)
class Call:
    """One call that has succeeded.

    :param began: when, counted in lines of the record; :param ended: and when it was done.
    :param arguments: as strace prints them, but strings are bytes, and open files are descriptors.
    :param result: the number, or the descriptor, that was returned.
    """

    name: str
    arguments: tuple[Any, ...]
    result: Any
    began: int
    ended: int


def traced(work: Callable[[], object], guests: Mapping[int, Callable[[], None]]) -> list[str]:
    """Do some work in a forked child; return strace's record of its system calls.

    :param guests: what to call when a descriptor becomes readable while the child runs.
    :raises RuntimeError: the child failed, or cannot be traced.
    """
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "strace"
        to_child, to_us = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(to_child[1])
            os.close(to_us[0])
            _child(work, to_child[0], to_us[1])
        os.close(to_child[0])
        os.close(to_us[1])
        with os.fdopen(to_us[0], "rb") as answers, os.fdopen(to_child[1], "wb") as start:
            tracer = _attach(pid, record)
            start.write(b".")
            start.close()
            answer = _listen(answers.fileno(), guests)
            os.waitpid(pid, 0)
            tracer.communicate(timeout=HUNG)
        if answer != _DONE:
            raise RuntimeError(f"the recorded run failed: {answer.decode()}")
        return record.read_text("ascii").splitlines()


def _child(work: Callable[[], object], start: int, answers: int) -> None:
    """The child's whole life."""
    try:
        os.read(start, 1)
        try:
            work()
            said = _DONE
        except BaseException:
            said = traceback.format_exc().encode()
        os.write(answers, said)
    finally:
        os._exit(0)


def _attach(pid: int, record: Path) -> subprocess.Popen[str]:
    """Have strace follow a process from now on."""
    left_out = ",".join(f"?{name}" for name in syscalls.harmless() if name not in _ALSO)
    command = ["strace", "-f", "-y", "-xx", "-s", str(LONGEST), "-e", f"trace=!{left_out}", "-o", str(record)]
    tracer = subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    said = tracer.stderr.readline() if tracer.stderr else ""
    if "attached" not in said:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        tracer.communicate()
        raise RuntimeError(f"strace cannot follow a process here: {said.strip()}")
    return tracer


def _listen(answers: int, guests: Mapping[int, Callable[[], None]]) -> bytes:
    """What the child says before it ends, with its guests let in meanwhile."""
    waiting = select.poll()
    for descriptor in (answers, *guests):
        waiting.register(descriptor, select.POLLIN)
    said = b""
    while True:
        ready = [descriptor for descriptor, _event in waiting.poll(HUNG * 1000)]
        if not ready:
            raise RuntimeError("the child hangs")
        for descriptor in ready:
            if descriptor != answers:
                guests[descriptor]()
                continue
            chunk = os.read(answers, 1 << 20)
            if not chunk:
                return said
            said += chunk


def parsed(lines: Iterable[str]) -> Iterator[Call]:
    """The calls in a record of strace, in the order in which they ended.

    :raises ValueError: a line that means nothing to us.
    """
    unfinished: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"no line of strace's: {line[:200]}")
        thread, text = match.groups()
        began = number
        if text.startswith(("+++", "---")):
            continue
        if text.endswith(_UNFINISHED):
            unfinished[thread] = (number, text[: -len(_UNFINISHED)])
            continue
        resumed = _RESUMED.fullmatch(text)
        if resumed is not None:
            began, beginning = unfinished.pop(thread)
            text = beginning + resumed[2]
        call = _parsed(text, began, number)
        if call is not None:
            yield call


def _parsed(text: str, began: int, ended: int) -> Call | None:
    strings: list[bytes] = []

    def keep(match: re.Match[str]) -> str:
        if match[2]:
            raise ValueError("strace has cut a string short")
        strings.append(_unescaped(match[1]))
        return f'"{len(strings) - 1}"'

    match = _CALL.fullmatch(_STRING.sub(keep, text))
    if match is None:
        raise ValueError(f"no call: {text[:200]}")
    name, arguments, result, rest = match.groups()
    if result == "?" or result.startswith("-"):
        return None  # it failed, or never returned
    found = tuple(_value(argument, strings) for argument in _split(arguments))
    return Call(name, found, _value(result + rest.split(" ")[0], strings), began, ended)


def _split(arguments: str) -> Iterator[str]:
    """The arguments of a call, strings out of the way already."""
    depth, begin = 0, 0
    for position, letter in enumerate(arguments):
        depth += (letter in "[{(<") - (letter in "]})>")
        if letter == "," and depth == 0:
            yield arguments[begin:position].strip()
            begin = position + 1
    if arguments:
        yield arguments[begin:].strip()


def _value(text: str, strings: list[bytes]) -> Any:
    if re.fullmatch(r'"\d+"', text):
        return strings[int(text[1:-1])]
    match = _DESCRIPTOR.fullmatch(text)
    if match is None:
        return re.sub(r'"(\d+)"', lambda found: repr(strings[int(found[1])]), text)
    number = -1 if match[1] == "AT_FDCWD" else int(match[1])
    return Descriptor(number, None if match[3] else os.fsdecode(_unescaped(match[2])))


def _unescaped(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
