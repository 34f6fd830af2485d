# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send events to systemd's journal with fields of their own, by its native protocol (systemd.journal-fields(7))."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
PREFIX = "FILEDROP_"

_NAME = re.compile(r"[^A-Z0-9_]")


def send(priority: int, message: str, fields: Mapping[str, object]) -> bool:
    """Send one event; return whether the journal has taken it.

    :param fields: each becomes a field with PREFIX, such as ``FILEDROP_JOB``. None is left out.
    """
    told = {"MESSAGE": message, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "filedrop"}
    told.update(
        (PREFIX + _NAME.sub("_", name.upper()), str(value)) for name, value in fields.items() if value is not None
    )
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(b"".join(_encoded(name, value) for name, value in told.items()), SOCKET)
    except OSError:  # no journal, or the event is too long for a datagram
        return False
    return True


def _encoded(name: str, value: str) -> bytes:
    """Encode one field. With its length before it, a value may contain any byte."""
    content = value.encode("utf-8", "backslashreplace")
    return b"%s\n%s%s\n" % (name.encode(), len(content).to_bytes(8, "little"), content)
