# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools that people use now, each called as its manual says, each in a process of its own.

Every peer can put the files of a folder, fetch and delete those of a remote folder, fetch those that are new, and
connect and list an empty folder. Each call returns what it took, or raises if the tool failed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .stopwatch import Usage, timed

LFTP_CONNECTIONS = 8
RCLONE_TRANSFERS = 16


@dataclasses.dataclass(frozen=True)
class Target:
    """Where to connect to: a server on loopback, perhaps through a relay.

    :ivar folder: for files that a peer needs, such as a known_hosts file.
    """

    host: str
    port: int
    username: str
    private_key_file: str
    host_keys: Sequence[str]
    folder: Path

    def known_hosts(self) -> Path:
        path = self.folder / f"known_hosts_{self.port}"
        path.write_text("".join(f"[{self.host}]:{self.port} {key}\n" for key in self.host_keys))
        return path

    def ssh_options(self) -> list[str]:
        """For OpenSSH's programs: this key and these host keys, and no configuration of the machine."""
        return [
            *("-F", "none", "-i", self.private_key_file, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={self.known_hosts()}", "-o", "StrictHostKeyChecking=yes"),
        ]


class Peer:
    """One tool. Names of files must be plain: the benches' own.

    :cvar name: one word.
    :cvar title: with what matters of how it is called.
    """

    name = ""
    title = ""
    program = ""

    def __init__(self, target: Target) -> None:
        self.target = target

    @classmethod
    def version(cls) -> str | None:
        """The tool's version, or None where it is not installed."""
        raise NotImplementedError

    def put(self, source: Path, remote_dir: str) -> Usage:
        raise NotImplementedError

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        """Get every file, and delete it on the server."""
        raise NotImplementedError

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        """Get every file that ``dest`` does not have, and leave it on the server."""
        raise NotImplementedError

    def idle(self, remote_dir: str) -> Usage:
        """Connect and list an empty folder."""
        raise NotImplementedError


class OpenSsh(Peer):
    """``sftp -b``: one ``put`` with a pattern; ``get`` and ``rm`` of each file in turn, as a careful script does.

    It stops at the first error.
    """

    name = "sftp"
    title = "sftp -b"
    program = "sftp"

    @classmethod
    def version(cls) -> str | None:
        if shutil.which(cls.program) is None:
            return None
        shown = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
        return shown.split(",")[0].strip()

    def put(self, source: Path, remote_dir: str) -> Usage:
        return self._batch(f"put {source}/* {remote_dir}")[0]

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        _usage, names = self._list(remote_dir)  # not measured: a script may know them
        return self._batch(*(f"get {remote_dir}/{name} {dest}/{name}\nrm {remote_dir}/{name}" for name in names))[0]

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        usage, names = self._list(remote_dir)
        have = set(os.listdir(dest))
        new = [f"get {remote_dir}/{name} {dest}/{name}" for name in names if name not in have]
        return usage + self._batch(*new)[0] if new else usage

    def idle(self, remote_dir: str) -> Usage:
        return self._batch(f"ls {remote_dir}")[0]

    def _list(self, remote_dir: str) -> tuple[Usage, list[str]]:
        usage, shown = self._batch(f"ls -1 {remote_dir}")
        return usage, [line.rpartition("/")[2] for line in shown.splitlines() if not line.startswith("sftp>")]

    def _batch(self, *lines: str) -> tuple[Usage, str]:
        place = f"{self.target.username}@{self.target.host}"
        command = [self.program, *self.target.ssh_options(), "-q", "-P", str(self.target.port), "-b", "-", place]
        return timed(command, given="".join(f"{line}\n" for line in lines))


class Lftp(Peer):
    """``mirror`` over several connections, each an ``ssh`` of its own."""

    name = "lftp"
    title = f"lftp mirror, {LFTP_CONNECTIONS} connections"
    program = "lftp"

    @classmethod
    def version(cls) -> str | None:
        return _first_match([cls.program, "--version"], r"Version (\S+)", "lftp")

    def put(self, source: Path, remote_dir: str) -> Usage:
        return self._script(f'mirror -R --parallel={LFTP_CONNECTIONS} "{source}" "{remote_dir}"')

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        return self._script(f'mirror --Remove-source-files --parallel={LFTP_CONNECTIONS} "{remote_dir}" "{dest}"')

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        return self._script(f'mirror --parallel={LFTP_CONNECTIONS} "{remote_dir}" "{dest}"')

    def idle(self, remote_dir: str) -> Usage:
        return self._script(f'cls "{remote_dir}"')

    def _script(self, line: str) -> Usage:
        ssh = shlex.join(["ssh", "-a", "-x", *self.target.ssh_options()])
        # The key opens the door; lftp still wants to be given a password.
        place = f"sftp://{self.target.username}:none@{self.target.host}:{self.target.port}"
        script = f'set cmd:fail-exit yes; set sftp:connect-program "{ssh}"; open {place}; {line}'
        return timed([self.program, "--norc", "-c", script], environment={"HOME": str(self.target.folder)})[0]


class Rclone(Peer):
    """``copy`` and ``move`` with many transfers at once."""

    name = "rclone"
    title = f"rclone, {RCLONE_TRANSFERS} transfers"
    program = "rclone"

    @classmethod
    def version(cls) -> str | None:
        return _first_match([cls.program, "version"], r"rclone v(\S+)", "rclone")

    def put(self, source: Path, remote_dir: str) -> Usage:
        return self._call("copy", str(source), f":sftp:{remote_dir}")

    def fetch(self, remote_dir: str, dest: Path) -> Usage:
        return self._call("move", f":sftp:{remote_dir}", str(dest))

    def fetch_new(self, remote_dir: str, dest: Path) -> Usage:
        return self._call("copy", f":sftp:{remote_dir}", str(dest))

    def idle(self, remote_dir: str) -> Usage:
        return self._call("lsf", f":sftp:{remote_dir}")

    def _call(self, *words: str) -> Usage:
        command = [
            *(self.program, *words, "--config", os.devnull, "--transfers", str(RCLONE_TRANSFERS)),
            *("--sftp-host", self.target.host, "--sftp-port", str(self.target.port)),
            *("--sftp-user", self.target.username, "--sftp-key-file", self.target.private_key_file),
            *("--sftp-known-hosts-file", str(self.target.known_hosts())),
        ]
        return timed(command)[0]


PEERS: tuple[type[Peer], ...] = (OpenSsh, Lftp, Rclone)


def _first_match(command: Sequence[str], pattern: str, name: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(pattern, shown)
    return f"{name} {found[1] if found else 'of unknown version'}"
