# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ours, as a contestant."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from support import driver
from support.peers import Peer, Target
from support.stopwatch import Usage, timed

CHECKOUT = Path(__file__).resolve().parents[2]


class Ours(Peer):
    """The engine, with its full safety: temp name and rename, size checks, fsync, ledger, archive or delete.

    :param connections: the account's option.
    :param transport: the account's option.
    :param checkout: whose engine; another one than this is for comparing two commits.
    :param prefix: a command that runs the engine and looks at it.
    """

    name = "filedrop"
    title = "filedrop"

    def __init__(
        self,
        target: Target,
        *,
        connections: int = 1,
        transport: str = "paramiko",
        checkout: Path = CHECKOUT,
        prefix: Sequence[str] = (),
    ) -> None:
        super().__init__(target)
        self.prefix = prefix
        self.ledger = target.folder / "ledger.sqlite3"
        self._idle_ledger = target.folder / "idle.sqlite3"
        self._connections = connections
        self._transport = transport
        self._tree = checkout / "build" / "tree"

    @classmethod
    def version(cls) -> str | None:
        import cryptography
        import paramiko

        libraries = f"paramiko {paramiko.__version__} and cryptography {cryptography.__version__}"
        return f"on Python {sys.version.split()[0]}, {libraries}"

    def put(self, source: Path, remote_dir: str) -> Usage:
        return self.run({"direction": "dropoff", "src": str(source), "remote_dir": remote_dir, "upload": "rename"})

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        return self.run({"direction": "pickup", "dest": str(dest), "remote_dir": remote_dir})

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        return self.run({"direction": "pickup", "dest": str(dest), "remote_dir": remote_dir, "after": "keep"})

    def idle(self, remote_dir: str) -> Usage:
        """With a ledger of its own: what a ledger full of rows costs is a part of the transfer."""
        dest = str(self.target.folder)
        return self.run({"direction": "pickup", "dest": dest, "remote_dir": remote_dir}, ledger=self._idle_ledger)

    def run(self, job: dict[str, object], *, ledger: Path | None = None) -> Usage:
        """One run of the engine in a process of its own."""
        account = {
            "account": "bench",
            "host": self.target.host,
            "port": self.target.port,
            "username": self.target.username,
            "private_key_file": self.target.private_key_file,
            "host_keys": list(self.target.host_keys),
            "connections": self._connections,
            "transport": self._transport,
        }
        spec = driver.spec({**job, "settle": 0}, account, ledger or self.ledger, brief=True)
        command = [*self.prefix, sys.executable, driver.__file__]
        usage, shown = timed(command, given=json.dumps(spec), environment={"PYTHONPATH": str(self._tree)})
        # A profiler has something to say before and behind the result.
        result, _end = json.JSONDecoder().raw_decode(shown, shown.index("{"))
        unwell = any(result["summary"][outcome] for outcome in ("failed", "held", "waiting"))
        if result["error"] is not None or unwell:
            raise RuntimeError(f"a run that was not clean: {result['error']} {result['summary']}")
        return usage
