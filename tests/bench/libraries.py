# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The libraries among the peers, each in a short script as their users write it: ``scripts/with_*.py``."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

from support.peers import Peer
from support.stopwatch import Usage, timed

SCRIPTS = Path(__file__).resolve().parent / "scripts"


class Library(Peer):
    """A script that is called with what to do and two folders, and knows its server from its standard input."""

    @classmethod
    def version(cls) -> str | None:
        try:
            return f"{cls.name} {metadata.version(cls.name)}"
        except metadata.PackageNotFoundError:
            return None

    def put(self, source: Path, remote_dir: str) -> Usage:
        return self._call("put", str(source), remote_dir)

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        return self._call("fetch", str(dest), remote_dir)

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        return self._call("fetch_new", str(dest), remote_dir)

    def idle(self, remote_dir: str) -> Usage:
        return self._call("list", "", remote_dir)

    def _call(self, *words: str) -> Usage:
        server = {
            "host": self.target.host,
            "port": self.target.port,
            "username": self.target.username,
            "key": self.target.private_key_file,
            "known_hosts": str(self.target.known_hosts()),
        }
        return timed([sys.executable, str(SCRIPTS / f"with_{self.name}.py"), *words], given=json.dumps(server))[0]


class Paramiko(Library):
    """``put`` and ``get``, one file after the other."""

    name = "paramiko"
    title = "paramiko put and get"


class AsyncSsh(Library):
    """``put`` and ``get``, many files at once on one connection."""

    name = "asyncssh"
    title = "asyncssh, 64 at once"
