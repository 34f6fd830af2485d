# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who takes part in a contest, by the names of the command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from libraries import AsyncSsh, Paramiko
from ours import CHECKOUT, Ours
from support.peers import Lftp, OpenSsh, Peer, Rclone, Target

PEERS: dict[str, type[Peer]] = {kind.name: kind for kind in (OpenSsh, Lftp, Rclone, Paramiko, AsyncSsh)}
BEFORE = "before"


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One who takes part.

    :ivar name: a peer's name, ``filedrop``, ``filedrop:4`` for four connections, ``filedrop:openssh`` for that
        transport, or ``before``: the engine of another checkout.
    """

    name: str
    before: Path | None = None

    @property
    def kind(self) -> type[Peer]:
        return PEERS.get(self.name, Ours)

    @property
    def title(self) -> str:
        if self.name == BEFORE:
            return f"filedrop of {self.before}"
        connections, transport = self._connections, self._transport
        if transport != "paramiko":
            return f"{self.kind.title}, transport {transport}"
        return self.kind.title if connections == 1 else f"{self.kind.title}, {connections} connections"

    @property
    def version(self) -> str:
        """Empty where it is not installed."""
        return self.kind.version() or ""

    def at(self, target: Target) -> Peer:
        if self.name in PEERS:
            return PEERS[self.name](target)
        checkout = self.before or CHECKOUT
        return Ours(target, connections=self._connections, transport=self._transport, checkout=checkout)

    @property
    def _connections(self) -> int:
        how = self.name.partition(":")[2]
        return int(how) if how.isdigit() else 1

    @property
    def _transport(self) -> str:
        return "openssh" if self.name.endswith(":openssh") else "paramiko"
