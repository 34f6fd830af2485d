# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read and write the files of a sandbox's folder.

lock          held by the process that serves the sandbox, and by nobody after that process has ended
change.lock   held by the process that starts or stops the sandbox, one at a time
serving.json  the serving process, and the settings that it uses
settings.json accounts, protocols, port, times and faults
ports.json    the ports of FTP, FTPS and the files API of the last time
sandbox.log   connections and imports
host_keys/    tls/    accounts/<username>/{input,pickup}    imported/<username>/    work/
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._engine.errors import DiskError, InputError
from . import catalogue
from .accounts import Account
from .catalogue import Chosen

_FORMAT = 1

#: What can be served besides SFTP.
PROTOCOLS = ("ftps", "ftp", "amili_api")


@dataclass(frozen=True)
class Settings:
    """Hold the settings of a sandbox.

    :param port: ``None`` if none is chosen yet.
    :param lifetime: seconds without any client until it ends by itself.
    :param import_delay: seconds from the end of an upload until its file is taken.
    :param faults: how it misbehaves.
    :param protocols: what it serves besides SFTP: ``ftps``, ``ftp`` or ``amili_api``.
    """

    accounts: tuple[Account, ...]
    port: int | None = None
    lifetime: float = 3600.0
    import_delay: float = 0.0
    faults: tuple[Chosen, ...] = ()
    protocols: tuple[str, ...] = ()

    def encode(self) -> bytes:
        data = {
            "format": _FORMAT,
            "port": self.port,
            "protocols": list(self.protocols),
            "lifetime": self.lifetime,
            "import_delay": self.import_delay,
            "faults": [fault.to_data() for fault in self.faults],
            "accounts": [account.to_data() for account in self.accounts],
        }
        return json.dumps(data, indent=2).encode("ascii") + b"\n"

    @property
    def digest(self) -> str:
        """Identifies these settings."""
        return hashlib.sha256(self.encode()).hexdigest()


@dataclass(frozen=True)
class Serving:
    """Describe the process that serves a sandbox. ``settings``: the digest of the settings that it uses."""

    pid: int
    port: int
    settings: str


def load_settings(path: str) -> Settings | None:
    """Read the settings from a sandbox's folder; ``None`` if there are none yet.

    :raises InputError: the file is damaged. :raises OSError: it cannot be read.
    """
    data = _load(os.path.join(path, "settings.json"))
    if data is None:
        return None
    try:
        if data["format"] != _FORMAT:
            raise ValueError("its format is unknown")
        return Settings(
            accounts=tuple(Account.from_data(account) for account in data["accounts"]),
            port=None if data["port"] is None else int(data["port"]),
            lifetime=float(data["lifetime"]),
            import_delay=float(data["import_delay"]),
            faults=tuple(catalogue.from_data(fault) for fault in data.get("faults", ())),
            protocols=tuple(str(name) for name in data.get("protocols", ())),
        )
    except (AttributeError, KeyError, TypeError, ValueError, InputError) as error:
        raise InputError(
            "settings_damaged",
            f"The file settings.json in the sandbox's folder {path} is damaged ({type(error).__name__}: {error}).",
            "Remove that file and set the accounts again; host keys and files are kept.",
        ) from None


def save_settings(path: str, settings: Settings) -> None:
    """Write the settings atomically, readable by their owner only."""
    _replace(os.path.join(path, "settings.json"), settings.encode())


def load_serving(path: str) -> Serving | None:
    """Read which process serves. The record is valid only while the lock is held."""
    data = _load(os.path.join(path, "serving.json"))
    try:
        return None if data is None else Serving(int(data["pid"]), int(data["port"]), str(data["settings"]))
    except (KeyError, TypeError, ValueError):
        return None


def save_serving(path: str, serving: Serving | None) -> None:
    """Record which process serves, or that none does."""
    name = os.path.join(path, "serving.json")
    if serving is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
    else:
        data = {"pid": serving.pid, "port": serving.port, "settings": serving.settings}
        _replace(name, json.dumps(data).encode("ascii"))


def load_ports(path: str) -> dict[str, int]:
    """Read the ports of FTP, FTPS and the files API that the sandbox had last, by name."""
    data = _load(os.path.join(path, "ports.json")) or {}
    return {name: port for name, port in data.items() if isinstance(port, int)}


def save_ports(path: str, ports: Mapping[str, int]) -> None:
    """Record the ports of FTP, FTPS and the files API."""
    _replace(os.path.join(path, "ports.json"), json.dumps(ports).encode("ascii"))


def check_folder(path: str) -> None:
    """Check whether the folder can be used or created for a sandbox; nothing is changed.

    :raises InputError: it contains other files. :raises DiskError: it cannot be used or created.
    """
    above = path
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    try:
        # A sandbox that was interrupted during its first start has only its locks.
        strange = sorted(name for name in os.listdir(above) if name not in ("lock", "change.lock"))
    except OSError as error:
        raise cannot_use(path, error) from None
    if not os.access(above, os.R_OK | os.W_OK | os.X_OK):
        raise cannot_use(path, PermissionError())
    if above == path and strange and not os.path.exists(os.path.join(path, "settings.json")):
        raise InputError(
            "path_not_sandbox",
            f"The folder {path} is neither a sandbox's folder nor empty: it contains {strange[0]!r}.",
            "Use a folder of its own for the sandbox, or one that does not exist yet.",
        )


def make_folder(path: str) -> None:
    """Create the folder if it is missing. Raises the errors of ``check_folder``."""
    check_folder(path)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise cannot_use(path, error) from None


def cannot_use(path: str, error: OSError) -> DiskError:
    """Return the error for a folder that cannot be used."""
    why = os.strerror(error.errno) if error.errno else "this user has no permission to write there"
    return DiskError(
        "path_unusable",
        f"The sandbox's folder {path} cannot be used: {why}.",
        "Use a folder that the user who runs the sandbox can create and write to.",
    )


class Lock:
    """Lock a sandbox's folder. Forked children share the lock. It ends with the last process that holds it."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.descriptor = descriptor
        self._name = name

    @classmethod
    def take(cls, path: str, *, kind: str = "lock", wait: float = 0.0) -> Lock | None:
        """Take the lock, and wait for it at most ``wait`` seconds. ``None``: another process holds it."""
        name = os.path.join(path, kind)
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    return None
                time.sleep(0.02)
            else:
                return cls(descriptor, name)

    @staticmethod
    def held(path: str) -> bool:
        """Whether a process holds the lock. Changes nothing, not even a file's time."""
        try:
            descriptor = os.open(os.path.join(path, "lock"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def still_there(self) -> bool:
        """Whether the lock's file still exists in the folder. False if the folder was removed or created again."""
        try:
            found = os.stat(self._name)
        except OSError:
            return False
        return os.path.samestat(found, os.fstat(self.descriptor))

    def release(self) -> None:
        """Release the lock in this process."""
        os.close(self.descriptor)


def _load(name: str) -> Mapping[str, Any] | None:
    try:
        with open(name, encoding="utf-8") as file:
            data = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _replace(name: str, content: bytes) -> None:
    draft = f"{name}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(draft, name)
