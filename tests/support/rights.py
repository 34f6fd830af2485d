# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls for which the modes and owners of files count even when the tests run as root."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import tempfile
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, TypeVar

T = TypeVar("T")

SOMEBODY = 65534 if os.geteuid() == 0 else os.geteuid()
"""A user without privileges: another one than the tests' own, where they can become somebody else."""

A_THIRD = SOMEBODY - 1 if os.geteuid() == 0 else SOMEBODY
"""Another such user, where there can be one."""

_VERSION_3 = 0x20080522  # of capset(2)


def without_privileges(call: Callable[[], T]) -> T:
    """Call in a thread that has given up root's privileges (Linux keeps them by thread), and return what it returns."""
    with ThreadPoolExecutor(1, initializer=_give_up_privileges) as thread:
        return thread.submit(call).result()


def _give_up_privileges() -> None:
    header = struct.pack("Ii", _VERSION_3, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def as_somebody(call: Callable[[], object], user: int = SOMEBODY) -> None:
    """Call in a process of its own that belongs to a user, and raise RuntimeError with what it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([]) if os.geteuid() == 0 else None
            os.setresuid(user, user, user)
            call()
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as trouble:
        told = trouble.read()
    os.waitpid(child, 0)
    if told:
        raise RuntimeError(told)


@contextmanager
def somebodys_folder() -> Iterator[Path]:
    """A folder that belongs to SOMEBODY, where SOMEBODY can reach it (the tests' own folders are closed to others)."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        shutil.chown(path, SOMEBODY)
        yield Path(path)
