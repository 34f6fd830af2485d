# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the key pair that exists now: its two files, and what they contain."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass

from .._paramiko import require
from ..errors import AuthenticationError, DiskError, InputError
from ..local.folder import Folder
from .formats import PublicKey, decode_private, is_encrypted, parse_line, public_beside, public_part, read_private
from .openssh import comment_inside
from .spec import KeyPairSpec

READ_HERE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MAX_PUBLIC_FILE = 65536  # bytes


@dataclass(frozen=True)
class FoundPrivate:
    """Describe a private key file.

    :ivar public: its public key; None if unknown.
    :ivar trouble: why the key cannot be used.
    :ivar comment: the comment inside; None if it is unknown, or if the format has none.
    """

    public: PublicKey | None
    trouble: AuthenticationError | None
    encrypted: bool
    mode: int
    uid: int
    gid: int
    comment: str | None = None


@dataclass(frozen=True)
class FoundPublic:
    """Describe a public key file: its text, owner and group."""

    text: str
    uid: int
    gid: int

    @property
    def key(self) -> PublicKey | None:
        words = self.text.split(None, 2)
        try:
            return parse_line(words[0], words[1])
        except (ValueError, IndexError):
            return None

    @property
    def comment(self) -> str:
        words = self.text.partition("\n")[0].split(None, 2)
        return words[2].strip() if len(words) > 2 else ""


@dataclass(frozen=True)
class Found:
    """Describe the pair that exists now; None for a missing file."""

    private: FoundPrivate | None = None
    public: FoundPublic | None = None


def inspect(wanted: KeyPairSpec) -> Found:
    """Read the pair that exists now.

    :raises InputError: ``path`` or its public key file is a link.
    :raises AuthenticationError: ``key_unreadable``.
    :raises DiskError: the folder cannot be opened, or a link that others can set leads to it.
    """
    require()
    try:
        folder = Folder(wanted.folder)
    except DiskError as error:
        if error.reason == "local_missing":
            return Found()
        raise
    with contextlib.closing(folder):
        return Found(private=_find_private(wanted, folder), public=_find_public(wanted, folder))


def _find_private(wanted: KeyPairSpec, folder: Folder) -> FoundPrivate | None:
    if _status(folder, wanted.name) is None:
        return None
    try:
        body, status = read_private(wanted.path, folder=folder.fd)
    except AuthenticationError as error:
        if error.reason == "key_missing":
            return None
        raise
    public, trouble, comment = public_beside(body), None, None
    try:
        public = public_part(decode_private(body, wanted.path, wanted.passphrase))
        comment = comment_inside(body, wanted.passphrase)
    except AuthenticationError as error:
        trouble = error
    return FoundPrivate(
        public=public,
        trouble=trouble,
        encrypted=is_encrypted(body),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        comment=comment,
    )


def _find_public(wanted: KeyPairSpec, folder: Folder) -> FoundPublic | None:
    status = _status(folder, wanted.public_name)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            "public_not_a_file", f"{wanted.public_path} is not a regular file.", "Move it away, or change path."
        )
    try:
        with os.fdopen(os.open(wanted.public_name, READ_HERE, dir_fd=folder.fd), "rb") as file:
            text = file.read(MAX_PUBLIC_FILE).decode("utf-8", "backslashreplace")
    except OSError:
        text = ""  # an unreadable file counts as different, and is written anew
    return FoundPublic(text=text.strip(), uid=status.st_uid, gid=status.st_gid)


def _status(folder: Folder, name: str) -> os.stat_result | None:
    status = folder.status(name)
    if status is not None and stat.S_ISLNK(status.st_mode):
        target = os.readlink(name, dir_fd=folder.fd)
        finding = f"{folder.path_of(name)} is a link to {target}."
        raise InputError("path_is_link", finding, "Set path to the link's target.")
    return status
