# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system's real OpenSSH server on a free loopback port, from a temporary folder, for one test or one bench.

    with SshServer(config=["MaxSessions 1"]) as server:
        account = account_from_options(server.account_options())
        (server.pickup / "report.xml").write_bytes(b"...")

As root, users live in a chroot, as a provider keeps them: the root belongs to root, ``input`` and ``pickup`` to the
user. Without root the server runs as the current user, without a chroot, and starts its sessions in the user's folder,
so that a relative ``input`` means the same in both; what is different then: an absolute path is one of this machine,
there is only one user, and nobody can log in by password.

By hand: ``PYTHONPATH=tests python -m support.sshd --config 'MaxSessions 1'`` prints as JSON what a client needs; the
server ends with its standard input.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import dataclasses
import functools
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .ports import free_port

USER = "filedroptest"
HOST_KEY_TYPES = ("ed25519", "ecdsa", "rsa")
START_SECONDS = 30.0
LOG_TAIL_BYTES = 20_000
ATTEMPTS = 5  # at finding a port: somebody may take it between our look and the server's bind


@dataclasses.dataclass(frozen=True)
class KeyFile:
    """A key pair made by ``ssh-keygen``.

    :ivar path: the private key; the public one stands beside it with ``.pub``.
    :ivar public: one line, ``type base64``, without a comment.
    :ivar fingerprint: ``SHA256:...`` as ``ssh-keygen -l`` prints it.
    """

    path: Path
    public: str
    fingerprint: str


def make_key(path: Path, *, key_type: str = "ed25519", passphrase: str = "") -> KeyFile:
    """Make a key pair with the system's own tool."""
    size = ["-b", "2048"] if key_type == "rsa" else []
    command = ["ssh-keygen", "-q", "-t", key_type, *size, "-N", passphrase, "-C", "", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], check=True, capture_output=True, text=True)
    return KeyFile(path, path.with_name(path.name + ".pub").read_text().strip(), shown.stdout.split()[1])


@functools.cache
def _shared_keys() -> dict[str, KeyFile]:
    """The keys that all servers of one process share, because making an RSA key takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="filedrop-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    keys = {name: make_key(folder / name, key_type=name) for name in HOST_KEY_TYPES}
    return {**keys, "user": make_key(folder / "user")}


def user_key() -> KeyFile:
    """The key that every test server lets in, unless told otherwise."""
    return _shared_keys()["user"]


def host_key(key_type: str) -> KeyFile:
    """The host key of one type that test servers show, unless told otherwise."""
    return _shared_keys()[key_type]


class SshServer:
    """One running server. Use as a context manager, or ``start()`` and ``stop()``.

    :param config: further lines for sshd_config; they win over the ones here (the first one counts in OpenSSH).
    :param users: names of system users to serve, made when missing (only as root; else there is one, the current user).
    :param password: let the first user in by password too: it becomes a throwaway user with a random password,
        removed at the end.
    :param host_keys: key files to show; default one of each of :data:`HOST_KEY_TYPES`.
    :param authorized: public key lines; default that of :func:`user_key`. Can be replaced later with :meth:`authorize`.
    :param log_level: as in sshd_config, INFO or more. What internal-sftp itself logs is lost: a chroot has no /dev/log.
    :param sftp_options: further words for ``internal-sftp``, such as ``-P rename`` (a server that refuses to rename).
    :param base: where to make the temporary folder; must satisfy sshd's rules for chroots when root.
    :param host: the address to listen on.
    :param port: 0 takes any free one.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        config: Iterable[str] = (),
        users: Sequence[str] = (USER,),
        password: bool = False,
        host_keys: Sequence[KeyFile] | None = None,
        authorized: Iterable[str] | None = None,
        log_level: str = "VERBOSE",
        sftp_options: str = "",
        base: Path | None = None,
        host: str = host,
        port: int = 0,
    ) -> None:
        self.host = host
        self.chrooted = os.geteuid() == 0
        self.port = port
        self.password: str | None = None
        self._config = list(config)
        self._users = list(users) if self.chrooted else [pwd.getpwuid(os.geteuid()).pw_name]
        self._with_password = password
        self._keys = list(host_keys) if host_keys is not None else [host_key(name) for name in HOST_KEY_TYPES]
        self._authorized = list(authorized) if authorized is not None else [user_key().public]
        self._log_level = log_level
        self._sftp_options = sftp_options
        self._base = base
        self._process: subprocess.Popen[bytes] | None = None

    # What a client needs

    @property
    def username(self) -> str:
        return self._users[0]

    @property
    def private_key_file(self) -> str:
        return str(user_key().path)

    @property
    def host_keys(self) -> list[str]:
        return [key.public for key in self._keys]

    def account_options(self, **changes: object) -> dict[str, object]:
        """The account options of a module, for the first user."""
        options: dict[str, object] = {
            "protocol": "sftp",
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "private_key_file": self.private_key_file,
            "host_keys": self.host_keys,
        }
        return {**options, **changes}

    # The server's side

    def root_of(self, user: str) -> Path:
        """The local folder that a user sees as the root (or, without a chroot, starts in)."""
        return self.folder / "users" / user

    @property
    def root(self) -> Path:
        return self.root_of(self.username)

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def pickup(self) -> Path:
        return self.root / "pickup"

    def give(self, path: Path, user: str | None = None) -> Path:
        """Make a file or folder the user's own, as if the user had put it there."""
        if self.chrooted:
            entry = pwd.getpwnam(user or self.username)
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
        return path

    def put(self, name: str, content: bytes, *, folder: str = "pickup") -> Path:
        """A file of the user in one of the user's folders."""
        path = self.root / folder / name
        path.write_bytes(content)
        return self.give(path)

    def authorize(self, lines: Iterable[str]) -> None:
        """Let exactly these public keys in, from the next session on."""
        new = self.folder / "authorized_keys.new"
        new.write_text("".join(f"{line}\n" for line in lines))
        new.chmod(0o644)
        new.rename(self.folder / "authorized_keys")  # in one step: a login may read it at this moment

    @property
    def log(self) -> str:
        """The end of what the server has written about itself."""
        return (self.folder / "sshd.log").read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def sessions(self) -> list[int]:
        """The processes that serve connections."""
        return list(_descendants(self.pid))

    def wait_idle(self) -> None:
        """Wait until the server has seen to the end of every connection."""
        deadline = time.monotonic() + START_SECONDS
        while self.sessions():
            if time.monotonic() > deadline:
                raise RuntimeError(f"sessions that do not end:\n{self.log}")
            time.sleep(0.01)

    def drop_sessions(self) -> None:
        """Cut every connection from the server's side; new ones are welcome."""
        for pid in self.sessions():
            _signal(pid, signal.SIGKILL)

    def silence(self) -> None:
        """Stop every process: connections stay open, and the kernel accepts new ones, but nothing answers."""
        for pid in [self.pid, *self.sessions()]:
            _signal(pid, signal.SIGSTOP)

    def wake(self) -> None:
        for pid in [self.pid, *self.sessions()]:
            _signal(pid, signal.SIGCONT)

    # Life

    def __enter__(self) -> SshServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> SshServer:
        self.folder = Path(tempfile.mkdtemp(prefix="filedrop-sshd-", dir=self._base or _place(self.chrooted)))
        self.folder.chmod(0o755)
        try:
            self._make_users()
            self.authorize(self._authorized)
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and its sessions and remove the folder. The user stays; it can log in nowhere."""
        if self._process is not None:
            left = self.sessions()
            self._process.kill()
            self._process.wait()
            for pid in left:
                _signal(pid, signal.SIGKILL)
            self._process = None
        if self.password is not None:
            subprocess.run(["userdel", "--force", self.username], check=False, capture_output=True)
            self.password = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """End the server and its sessions, and start it again on the same port, with the same files."""
        left = self.sessions()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for pid in left:
            _signal(pid, signal.SIGKILL)
        self._launch()

    def _make_users(self) -> None:
        if self.chrooted:
            if self._with_password:
                self.password = secrets.token_urlsafe(12)
                self._users[0] = "filedrop" + secrets.token_hex(4)
            for number, name in enumerate(self._users):
                _make_user(name, password=self.password if number == 0 else None)
        for name in self._users:
            root = self.root_of(name)
            root.mkdir(parents=True)
            root.chmod(0o755)
            for folder in (root / "input", root / "pickup"):
                folder.mkdir()
                self.give(folder, name)

    def _launch(self) -> None:
        wanted = self.port
        for _attempt in range(ATTEMPTS):
            self.port = wanted or free_port(self.host)
            path = self.folder / "sshd_config"
            path.write_text("\n".join(self._config_lines()) + "\n")
            with open(self.folder / "sshd.log", "ab") as log:
                offset = log.tell()
                command = [_sshd(), "-D", "-e", "-f", str(path)]
                # A session of its own: a Ctrl-C in the terminal is for the tests, which end the server themselves.
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            if self._listens(offset):
                return
            self._process.kill()
            self._process.wait()
        raise RuntimeError(f"sshd did not start:\n{self.log}")

    def _listens(self, offset: int) -> bool:
        """Watch the log rather than connect: a test may count connections (MaxStartups)."""
        deadline = time.monotonic() + START_SECONDS
        needle = f"Server listening on {self.host} port {self.port}.".encode()
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if needle in (self.folder / "sshd.log").read_bytes()[offset:]:
                return True
            time.sleep(0.01)
        return False

    def _config_lines(self) -> Iterator[str]:
        yield from (line for line in self._config if not line.lower().startswith("match "))
        yield f"ListenAddress {self.host}"
        yield f"Port {self.port}"
        for key in self._keys:
            yield f"HostKey {key.path}"
        yield f"AuthorizedKeysFile {self.folder}/authorized_keys"
        yield f"PasswordAuthentication {'yes' if self._with_password else 'no'}"
        yield "KbdInteractiveAuthentication no"
        yield f"LogLevel {self._log_level}"
        yield "PidFile none"
        yield "StrictModes no"  # the keys live in a temporary folder, whose parent everybody may write to
        yield "UsePAM no"
        yield "UseDNS no"
        if _version() >= (9, 8):
            yield "PerSourcePenalties no"  # tests fail to log in on purpose, all from one address
        options = self._sftp_options
        if self.chrooted:
            yield f"ChrootDirectory {self.folder}/users/%u"
            yield f"ForceCommand internal-sftp {options}".rstrip()
        else:
            yield f"ForceCommand internal-sftp -d {self.root} {options}"
        yield f"Subsystem sftp internal-sftp {options}".rstrip()


def _sshd() -> str:
    # sshd insists on being called by an absolute path, and its folder is not in everybody's PATH.
    found = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        raise RuntimeError("no sshd here: install the package openssh-server")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    return found


@functools.cache
def _version() -> tuple[int, int]:
    shown = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", shown)
    if found is None:
        raise RuntimeError(f"not OpenSSH: {shown}")
    return int(found[1]), int(found[2])


def _place(chrooted: bool) -> str | None:
    """A folder for the server's own: sshd refuses a chroot below any folder that others may write to, such as /tmp."""
    if not chrooted:
        return None
    for candidate in ("/var/lib", "/srv", "/root", "/"):
        parts = [Path(candidate), *Path(candidate).parents]
        if all(part.is_dir() and part.stat().st_uid == 0 and not part.stat().st_mode & 0o022 for part in parts):
            return candidate
    raise RuntimeError("no folder here may hold a chroot: /var/lib, /srv and /root can all be written by others")


def _make_user(name: str, *, password: str | None) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin"]
        # Two test runs may make the same user at once; the loser finds it made.
        made = subprocess.run([*command, name], capture_output=True, text=True, check=False)
        try:
            pwd.getpwnam(name)
        except KeyError:
            raise RuntimeError(f"useradd {name}: {made.stderr}") from None
        # A "!" in the shadow file locks the account, for keys too; "*" only says that no password fits.
        subprocess.run(["usermod", "-p", "*", name], capture_output=True, check=True)
    if password is not None:
        subprocess.run(["chpasswd"], input=f"{name}:{password}".encode(), capture_output=True, check=True)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        os.kill(pid, number)


def _descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it has ended while we looked
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(number))
    found = [pid]
    while found:
        below = children.get(found.pop(), [])
        yield from below
        found.extend(below)


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve SFTP on loopback until the standard input ends.")
    parser.add_argument("--config", action="append", default=[], help="a line for sshd_config")
    parser.add_argument("--password", action="store_true", help="let the user in by password too")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log-level", default="VERBOSE")
    options = parser.parse_args()
    with SshServer(
        config=options.config, password=options.password, port=options.port, log_level=options.log_level
    ) as server:
        shown = {**server.account_options(), "password": server.password, "root": str(server.root), "pid": server.pid}
        print(json.dumps(shown, indent=2), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
