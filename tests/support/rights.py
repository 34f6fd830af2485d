# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls for which the modes of files count even when the tests run as root."""

from __future__ import annotations

import ctypes
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, TypeVar

T = TypeVar("T")

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
