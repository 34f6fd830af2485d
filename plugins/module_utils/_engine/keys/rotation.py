# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replace a key pair in stages, so that jobs have a working key at every moment.

    NAME        the key that the jobs use
    NAME.new    the new key, until it takes the place of NAME
    NAME.old    a copy of the key before, written when the new one takes its place
    NAME.retired-TIME    the key before, after its grace time

The stage follows from the files that exist, and the times from their modification times. So there is no other record
that could disagree, and a run that was killed needs no repair: the next one looks at the files and takes the next step.
Each file has its public key beside it, with ``.pub`` appended.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..config.schedule import DAY
from ..errors import AuthenticationError
from ..local.folder import Folder
from .apply import key_folder, put, write_beside
from .formats import PublicKey, read_private
from .found import Found, inspect
from .pair import Outcome, ensure
from .plan import kind_of, public_line
from .spec import KeyPairSpec

NEW, OLD, RETIRED = ".new", ".old", ".retired-"


class Stage(NamedTuple):
    """Define a stage of a key.

    :ivar means: what there is.
    :ivar step: the next step of the playbook ``rotate_keys``, once it is due; empty if there is none.
    :ivar next_step: the same for people.
    """

    means: str
    step: str
    next_step: str


STAGES: Mapping[str, Stage] = {
    "missing": Stage("There is no key.", "", "Make it: run the playbook courier.filedrop.onboard."),
    "current": Stage("One key is in use.", "make", "To replace it, run the playbook courier.filedrop.rotate_keys."),
    "new": Stage(
        "A new key waits beside the key in use.",
        "switch",
        "Let the provider register the new key. Then run the playbook courier.filedrop.rotate_keys again: it tries the "
        "new key, and switches the jobs once it logs in.",
    ),
    "grace": Stage(
        "The new key is in use, and the old one is kept.",
        "retire",
        "After the grace time, run the playbook courier.filedrop.rotate_keys again: it retires the old key.",
    ),
}
"""The stages of a key in their order. After ``grace`` comes ``current`` again."""


@dataclass(frozen=True)
class Key:
    """Describe one key pair.

    :ivar since: the modification time of the private key, in seconds since 1970.
    """

    public: PublicKey
    comment: str
    since: float

    @property
    def line(self) -> str:
        return public_line(self.public, self.comment)

    def as_dict(self, now: float) -> dict[str, Any]:
        return {
            "type": kind_of(self.public),
            "bits": self.public.bits,
            "fingerprint": self.public.fingerprint,
            "public_key": self.line,
            "age": days(now - self.since),
        }


@dataclass(frozen=True)
class Rotation:
    """Hold what there is of an account's keys.

    :ivar rotated_at: when a rotation switched the jobs to the key in use, in seconds since 1970; None if none did.
    :ivar retired: the keys before, as far as their files are still there.
    """

    key: Key | None = None
    new: Key | None = None
    old: Key | None = None
    rotated_at: float | None = None
    retired: tuple[Key, ...] = ()

    @property
    def stage(self) -> str:
        if self.key is None:
            return "missing"
        if self.new is not None:
            return "new"
        return "current" if self.old is None else "grace"

    def as_dict(self, now: float) -> dict[str, Any]:
        """Describe the keys for people and programs. Nothing private is shown."""
        keys = {"key": self.key, "new": self.new, "old": self.old}
        return {
            "stage": self.stage,
            "next_step": STAGES[self.stage].next_step,
            **{name: None if key is None else key.as_dict(now) for name, key in keys.items()},
            "retired": [key.as_dict(now) for key in self.retired],
        }

    def due_at(self, *, grace: int, interval: int) -> float:
        """Return when the step of the stage is due, in seconds since 1970.

        :param grace: the seconds for which the old key is kept.
        :param interval: the seconds after which a key that came from a rotation is rotated again.
        """
        if self.stage == "grace" and self.old is not None:
            return self.old.since + grace
        if self.stage == "current" and self.rotated_at is not None:
            return self.rotated_at + interval
        return 0.0


def days(seconds: float) -> int:
    """Return whole days; 0 for a time in the future."""
    return max(0, int(seconds // DAY))


def look(path: str, passphrase: str | None = None) -> Rotation:
    """Return what there is of the keys at a path.

    :param path: of the key in use.
    :raises FiledropError: a file cannot be read, or is no usable key.
    """
    key, new, old = (_key_at(f"{path}{suffix}", passphrase) for suffix in ("", NEW, OLD))
    if new is not None and old is not None and key is not None and old.public == key.public:
        old = None  # the copy of a switch that was interrupted
    retired = tuple(each for each in map(_key_at, _retired_paths(path)) if each is not None)
    times = [each.since for each in (*retired, old) if each is not None]
    return Rotation(key, new, old, max(times, default=None), retired)


def _retired_paths(path: str) -> list[str]:
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        found = [each for each in os.listdir(folder) if each.startswith(f"{name}{RETIRED}")]
        return sorted(os.path.join(folder, each) for each in found if not each.endswith(".pub"))
    return []


def _key_at(path: str, passphrase: str | None = None) -> Key | None:
    found = inspect(KeyPairSpec(path, passphrase=passphrase))
    private = found.private
    if private is None:
        return None
    if private.public is None:
        raise private.trouble or AuthenticationError("key_malformed", f"{path} has no public key.", "Replace it.")
    return Key(private.public, _comment_of(found), os.lstat(path).st_mtime)


def _comment_of(found: Found) -> str:
    of_pair = found.public is not None and found.private is not None and found.public.key == found.private.public
    if of_pair and found.public is not None:
        return found.public.comment
    return (found.private.comment if found.private else None) or ""


# --- steps. Each may be killed at any moment, and is completed by its next call.


def make(wanted: KeyPairSpec, *, check: bool) -> Outcome:
    """Make the new key beside the key in use, or complete one that was begun.

    :param wanted: the new pair, at the path of the key in use.
    """
    return ensure(replace(wanted, path=f"{wanted.path}{NEW}"), check=check)


def mend(wanted: KeyPairSpec) -> bool:
    """Complete a step that was interrupted between a private key and its public key. Return whether there was one."""
    if not os.path.isdir(wanted.folder):
        return False
    with key_folder(wanted) as folder:
        public, new = wanted.public_name, f"{wanted.name}{NEW}"
        if folder.status(f"{new}.pub") is None or folder.status(new) is not None:
            return False
        found = inspect(wanted)
        beside = inspect(KeyPairSpec(f"{wanted.path}{NEW}"))
        if found.private and beside.public and beside.public.key == found.private.public:
            os.replace(f"{new}.pub", public, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        else:
            os.unlink(f"{new}.pub", dir_fd=folder.fd)
        return True


def switch(wanted: KeyPairSpec) -> None:
    """Let the new key take the place of the key in use, with a copy of that one beside it.

    One rename replaces the private key, so a job that starts meanwhile finds either the old key or the new one.
    """
    state = look(wanted.path, wanted.passphrase)
    with key_folder(wanted) as folder:
        if state.old is not None:
            _retire(folder, wanted.name, state.old.since)  # another key than the one in use: never overwrite it
        for suffix in (".pub", ""):
            _copy(wanted, folder, f"{wanted.name}{suffix}", f"{wanted.name}{OLD}{suffix}")
        os.fsync(folder.fd)
        for suffix in ("", ".pub"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(
                    f"{wanted.name}{NEW}{suffix}",
                    f"{wanted.name}{suffix}",
                    src_dir_fd=folder.fd,
                    dst_dir_fd=folder.fd,
                )
            os.fsync(folder.fd)


def retire(wanted: KeyPairSpec) -> str | None:
    """Give the old key its last name, with the time of the switch. Return its path; None if there is none."""
    state = look(wanted.path, wanted.passphrase)
    if state.old is None:
        return None
    with key_folder(wanted) as folder:
        return folder.path_of(_retire(folder, wanted.name, state.old.since))


def _retire(folder: Folder, name: str, since: float) -> str:
    """Rename the old pair. The same time gives the same name, so a pair stays together if this is interrupted."""
    retired = f"{name}{RETIRED}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(since))}"
    for suffix in (".pub", ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{name}{OLD}{suffix}", f"{retired}{suffix}", src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    return retired


def _copy(wanted: KeyPairSpec, folder: Folder, name: str, copy: str) -> None:
    """Copy a file of the pair with its owner and mode. The copy has the present time: the time of the switch."""
    try:
        body, status = read_private(folder.path_of(name), folder=folder.fd)
    except AuthenticationError as error:
        if error.reason != "key_missing" or not name.endswith(".pub"):
            raise
        return
    owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else (-1, -1)
    put(folder, write_beside(wanted, folder, body, stat.S_IMODE(status.st_mode), owner), copy)
