# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step is to people: which request leaves, whose answer arrives, what the ledger does."""

from __future__ import annotations

import os
from collections import Counter

from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Kind

from .stepper import Step


class Packets:
    """Takes a stream of SFTP packets apart as far as their types (draft-ietf-secsh-filexfer-02, section 3)."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0

    def begun(self, data: bytes) -> list[str]:
        """The types of the packets that begin in the next piece of the stream."""
        found = []
        while data:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            taken = data[skipped : skipped + 5 - len(self._head)]
            self._head += taken
            data = data[skipped + len(taken) :]
            if len(self._head) == 5:
                found.append(_name(self._head[4]))
                self._skip = int.from_bytes(self._head[:4], "big") - 1
                self._head = b""
        return found


class Conversation:
    """Follows the steps of one run over a plain connection, and says what each is."""

    def __init__(self) -> None:
        self._packets = Packets()
        self._asked = "hello"

    def says(self, step: Step) -> str:
        if step.call == "connect":
            self._packets = Packets()
        if step.data:
            begun = Counter(self._packets.begun(step.data))
            self._asked = ", ".join(f"{number} {name}" if number > 1 else name for name, number in begun.items())
            return f"leaving: {self._asked or 'more of a WRITE'}"
        if step.call.startswith("recv"):
            return f"arriving after: {self._asked}"
        return f"{step.call} {os.path.basename(step.target)}"


def kind_of(step: Step) -> str:
    """The kind of a step, for reports."""
    if step.target == "socket":
        return "answers" if step.call.startswith("recv") else "requests"
    if step.target.startswith("pipe:"):
        return "requests"  # to the child ssh; its answers come by calls that are no steps
    if "ledger.sqlite3" in step.target or "/state" in step.target:
        return "ledger writes and syncs"
    if "sync" in step.call:
        return "syncs"
    if step.call.startswith(("rename", "link", "unlink")):
        return "renames and unlinks"
    return "local writes"


def _name(kind: int) -> str:
    try:
        return Kind(kind).name
    except ValueError:
        return f"type {kind}"
