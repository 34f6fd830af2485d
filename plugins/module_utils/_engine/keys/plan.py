# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a key pair on disk with the options, and plan what to do. The plan is carried out in ``apply``.

A lost private key cannot be restored, and a public key that a provider has registered cannot be made again. So nothing
is replaced unless that is requested, and even then the old pair is kept beside the new one.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._deps import require
from ..config import options as read
from ..errors import AuthenticationError, DiskError, InputError
from ..local.folder import Folder
from ..text import escaped
from .formats import PublicKey, decode_private, is_encrypted, parse_line, public_beside, public_part, read_private

READ_HERE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

TYPES = ("ecdsa", "ed25519", "rsa")
REPLACE = ("never", "mismatch", "always")
DEFAULT_BITS = {"ecdsa": 256, "ed25519": 256, "rsa": 3072}
CURVE_BITS = (256, 384, 521)
RSA_BITS = (2048, 16384)
MAX_PUBLIC_FILE = 65536  # bytes
NOT_YET = "(known after it is generated)"
OFFER = "To generate a new pair instead, set replace to mismatch; the old pair is kept beside it."


@dataclass(frozen=True)
class KeyPairSpec:
    """Specify the required pair. With None for ``bits`` or ``comment``, an existing key keeps its own."""

    path: str
    type: str = "ed25519"
    bits: int | None = None
    comment: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    replace: str = "never"
    uid: int | None = None
    gid: int | None = None

    @property
    def folder(self) -> str:
        return os.path.dirname(self.path)

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @property
    def public_name(self) -> str:
        return self.name + ".pub"

    @property
    def public_path(self) -> str:
        return self.path + ".pub"


@dataclass(frozen=True)
class FoundPrivate:
    """Describe a private key file. ``public`` is None if unknown; ``trouble`` says why the key cannot be used."""

    public: PublicKey | None
    trouble: AuthenticationError | None
    encrypted: bool
    mode: int
    uid: int
    gid: int


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


@dataclass(frozen=True)
class Plan:
    """Say what to do.

    :ivar action: ``keep``, ``create`` or ``replace`` the private key.
    :ivar comment: the comment of the public key file afterwards.
    :ivar write_public: write the public key file.
    :ivar close: remove the permissions of other users from the private key file.
    :ivar give: change the owner or group of the files.
    """

    action: str
    comment: str
    write_public: bool = True
    close: bool = False
    give: bool = False

    @property
    def changed(self) -> bool:
        return self.action != "keep" or self.write_public or self.close or self.give


def spec_from_options(options: Mapping[str, object]) -> KeyPairSpec:
    """Validate the options of the module keypair.

    :raises InputError: an option has an invalid value.
    """
    path = read.clean(str(options["path"]), name="path")
    path = os.path.abspath(path)
    if path.endswith(".pub"):
        raise InputError(
            "path_is_public", f"path: {path} is a public key file.", "Set path to the private key; .pub is appended."
        )
    comment = options.get("comment")
    if isinstance(comment, str) and not comment.isprintable():
        raise InputError(
            "comment_malformed", f"comment: {comment!r} contains control characters.", "Use one line of text."
        )
    passphrase = options.get("passphrase")
    if passphrase == "":
        raise InputError("passphrase_empty", "passphrase: the value is empty.", "Remove it for an unencrypted key.")
    kind = str(options.get("type") or "ed25519")
    owner, group = options.get("owner"), options.get("group")
    return KeyPairSpec(
        path=path,
        type=kind,
        bits=_bits(kind, options.get("bits")),
        comment=comment.strip() if isinstance(comment, str) else None,
        passphrase=None if passphrase is None else str(passphrase),
        replace=str(options.get("replace") or "never"),
        uid=None if owner is None else _id_of("owner", str(owner), lambda name: pwd.getpwnam(name).pw_uid),
        gid=None if group is None else _id_of("group", str(group), lambda name: grp.getgrnam(name).gr_gid),
    )


def _bits(kind: str, bits: object) -> int | None:
    if bits is None:
        return None
    possible = {
        "ed25519": (bits == 256, "Remove bits: every ed25519 key has 256."),
        "ecdsa": (bits in CURVE_BITS, "Set bits to 256, 384 or 521."),
        "rsa": (isinstance(bits, int) and RSA_BITS[0] <= bits <= RSA_BITS[1], "Set bits to 2048 to 16384."),
    }
    fits, way_out = possible[kind]
    if not fits or not isinstance(bits, int):
        raise InputError("bits_impossible", f"bits: {bits} is not a secure and valid size of an {kind} key.", way_out)
    return bits


def _id_of(option: str, name: str, look_up: Callable[[str], int]) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError:
        raise InputError(
            f"{option}_unknown",
            f"{option}: {name!r} does not exist on this host.",
            "Create it, or correct the name.",
        ) from None


# Find what exists


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
    public, trouble = public_beside(body), None
    try:
        public = public_part(decode_private(body, wanted.path, wanted.passphrase))
    except AuthenticationError as error:
        trouble = error
    return FoundPrivate(
        public=public,
        trouble=trouble,
        encrypted=is_encrypted(body),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
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


# Decide what to do


def make_plan(wanted: KeyPairSpec, found: Found) -> Plan:
    """Plan the changes from the specified pair and the existing one alone.

    :raises InputError: ``key_differs``, ``public_key_alone``: a key would be replaced, and that is not requested.
    :raises AuthenticationError: the key cannot be used, and replacing it is not requested.
    """
    old = found.private
    if old is None:
        if found.public is not None and wanted.replace == "never":
            raise InputError(
                "public_key_alone",
                f"{wanted.public_path} exists, but its private key {wanted.path} does not.",
                "Restore the private key, remove the public one, or change path. " + OFFER,
            )
        return Plan(action="create", comment=wanted.comment or "")
    differences = [] if old.trouble else _differences(wanted, old)
    if wanted.replace == "always" or (wanted.replace == "mismatch" and (old.trouble or differences)):
        return Plan(action="replace", comment=_comment(wanted, found, old.public))
    if old.trouble:
        raise AuthenticationError(old.trouble.reason, old.trouble.finding, f"{old.trouble.way_out} {OFFER}")
    if differences:
        raise InputError(
            "key_differs",
            f"The private key {wanted.path} is kept, although " + " and ".join(differences) + ".",
            "Correct the options, or change path. " + OFFER,
        )
    return _amend(wanted, found, old)


def _differences(wanted: KeyPairSpec, old: FoundPrivate) -> list[str]:
    """List how a usable key differs from the specified one."""
    if old.public is None:
        return []
    kind, bits = _kind(old.public), old.public.bits
    found = []
    if kind != wanted.type:
        found.append(f"it is of type {kind}, not {wanted.type}")
    elif wanted.bits is not None and bits != wanted.bits:
        found.append(f"it has {bits} bits, not {wanted.bits}")
    elif kind == "rsa" and bits < RSA_BITS[0]:
        found.append(f"it has {bits} bits, which is too few to be secure")
    if wanted.passphrase is not None and not old.encrypted:
        found.append(f"it is not encrypted, but a passphrase is given (to encrypt it: ssh-keygen -p -f {wanted.path})")
    return found


def _amend(wanted: KeyPairSpec, found: Found, old: FoundPrivate) -> Plan:
    """Plan the changes for a private key that is kept."""
    comment = _comment(wanted, found, old.public)
    line = public_line(old.public, comment) if old.public else ""
    owners = [(each.uid, each.gid) for each in (old, found.public) if each is not None]
    return Plan(
        action="keep",
        comment=comment,
        write_public=found.public is None or found.public.text != line,
        close=bool(old.mode & 0o077),
        give=any(wanted.uid not in (None, uid) or wanted.gid not in (None, gid) for uid, gid in owners),
    )


def _comment(wanted: KeyPairSpec, found: Found, key: PublicKey | None) -> str:
    """Return the specified comment, else the one in the key's public key file."""
    if wanted.comment is not None:
        return wanted.comment
    if found.public is not None and key is not None and found.public.key == key:
        return found.public.comment
    return ""


def _kind(key: PublicKey) -> str:
    return {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}.get(key.type, "ecdsa")


def public_line(key: PublicKey, comment: str) -> str:
    return f"{key.line} {comment}".rstrip()


def check_possible(wanted: KeyPairSpec, plan: Plan) -> None:
    """Refuse early, also in check mode, what would fail when the plan is carried out.

    :raises DiskError: the folder is not writable, or cannot be created.
    :raises InputError: the files would have to be given to another user or group, which only root can do.
    """
    if not plan.changed:
        return
    folder = wanted.folder
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            raise DiskError("folder_missing", f"{folder} is not a folder.", "Change path.")
        parent = os.path.dirname(folder)
        if not os.path.isdir(parent):
            raise DiskError(
                "folder_missing",
                f"Neither the folder {folder} nor the one above it exists.",
                "Create it, or correct path; only the last folder is created.",
            )
        folder = parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DiskError("folder_denied", f"The folder {folder} is not writable.", "Run as a user who may write to it.")
    if os.geteuid() != 0:
        groups = {os.getegid(), *os.getgroups()}
        if wanted.uid not in (None, os.geteuid()) or (wanted.gid is not None and wanted.gid not in groups):
            raise InputError(
                "owner_denied",
                "Only root can give files to another user or group.",
                "Remove owner and group, or set become.",
            )


def new_owner(wanted: KeyPairSpec, found: Found) -> tuple[int, int]:
    """Return owner and group for a new pair: the specified ones; else, as root, those of the old pair; else -1."""
    old = found.private if os.geteuid() == 0 else None
    uid = wanted.uid if wanted.uid is not None else old.uid if old else -1
    gid = wanted.gid if wanted.gid is not None else old.gid if old else -1
    return uid, gid


# Describe it for the diff


def describe(found: Found) -> dict[str, str]:
    """Describe the existing pair for a diff; empty if there is none. Contains nothing private."""
    shown: dict[str, str] = {}
    private = found.private
    if private is not None:
        key = private.public
        shown.update(
            type=_kind(key) if key else "(unknown)",
            bits=str(key.bits) if key else "(unknown)",
            fingerprint=key.fingerprint if key else "(unknown)",
            encrypted="yes" if private.encrypted else "no",
            mode=f"{private.mode:04o}",
            owner=_name_of(private.uid, lambda uid: pwd.getpwuid(uid).pw_name),
            group=_name_of(private.gid, lambda gid: grp.getgrgid(gid).gr_name),
        )
    if found.public is not None:
        shown.update(comment=escaped(found.public.comment), public_key=escaped(found.public.text))
    return shown


def predict(wanted: KeyPairSpec, found: Found, plan: Plan) -> dict[str, str]:
    """Predict the result of `describe` after the plan is carried out, as far as it can be known."""
    if not plan.changed:
        return describe(found)
    shown = dict.fromkeys(("type", "bits", "fingerprint", "encrypted", "mode", "owner", "group"), "")
    shown.update(describe(found))
    if plan.action == "keep" and found.private is not None and found.private.public is not None:
        line = public_line(found.private.public, plan.comment)
    else:
        bits = wanted.bits or DEFAULT_BITS[wanted.type]
        type_name = {"ed25519": "ssh-ed25519", "rsa": "ssh-rsa"}.get(wanted.type, f"ecdsa-sha2-nistp{bits}")
        line = f"{type_name} {NOT_YET} {plan.comment}".rstrip()
        shown.update(
            type=wanted.type,
            bits=str(bits),
            fingerprint=NOT_YET,
            encrypted="no" if wanted.passphrase is None else "yes",
            mode="0600",
        )
    uid, gid = _predicted_owner(wanted, found, plan)
    shown.update(
        comment=plan.comment,
        public_key=line,
        owner=_name_of(uid, lambda uid: pwd.getpwuid(uid).pw_name),
        group=_name_of(gid, lambda gid: grp.getgrgid(gid).gr_name),
    )
    if plan.close:
        shown["mode"] = "0600"
    return shown


def _predicted_owner(wanted: KeyPairSpec, found: Found, plan: Plan) -> tuple[int, int]:
    uid, gid = new_owner(wanted, found)
    if plan.action == "keep" and found.private is not None:
        uid = found.private.uid if wanted.uid is None else wanted.uid
        gid = found.private.gid if wanted.gid is None else wanted.gid
    if gid == -1:
        gid = os.getegid()
        with contextlib.suppress(OSError):
            folder = os.stat(wanted.folder)
            gid = folder.st_gid if folder.st_mode & stat.S_ISGID else gid
    return (os.geteuid() if uid == -1 else uid), gid


def _name_of(number: int, look_up: Callable[[int], str]) -> str:
    try:
        return look_up(number)
    except KeyError:
        return str(number)
