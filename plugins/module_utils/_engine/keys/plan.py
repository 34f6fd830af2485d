# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key pair on disk: what is there, and what has to be done about it. The doing is in ``keyfiles``.

A private key that is gone cannot be had back, and a public key that a provider has registered cannot be made again. So
nothing is replaced unless that is asked for, and then the old pair stays beside the new one.
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
from ..errors import AuthenticationError, DiskError, InputError
from ..local.folder import disk_error
from .formats import PublicKey, decode_private, is_encrypted, parse_line, public_beside, public_part, read_private

TYPES = ("ecdsa", "ed25519", "rsa")
REPLACE = ("never", "mismatch", "always")
DEFAULT_BITS = {"ecdsa": 256, "ed25519": 256, "rsa": 3072}
CURVE_BITS = (256, 384, 521)
RSA_BITS = (2048, 16384)
MAX_PUBLIC_FILE = 65536  # bytes
NOT_YET = "(known once it is generated)"
OFFER = "To make a new pair instead, set replace to mismatch: the old one is kept beside it."


@dataclass(frozen=True)
class Wanted:
    """The pair that should be there. ``bits`` and ``comment`` of None leave what an existing key has."""

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
    """A private key file. ``public`` is None where it cannot be told; ``trouble`` says why the key cannot be used."""

    public: PublicKey | None
    trouble: AuthenticationError | None
    encrypted: bool
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True)
class FoundPublic:
    """A public key file: its text, and whose it is."""

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
    """What is there now."""

    private: FoundPrivate | None
    public: FoundPublic | None


@dataclass(frozen=True)
class Plan:
    """What to do.

    :ivar action: ``keep``, ``create`` or ``replace`` the private key.
    :ivar comment: what the public key file will say.
    :ivar write_public: the public key file has to be written.
    :ivar close: others may use the private key file now; that ends.
    :ivar give: the files have to become somebody else's.
    """

    action: str
    comment: str
    write_public: bool = True
    close: bool = False
    give: bool = False

    @property
    def changed(self) -> bool:
        return self.action != "keep" or self.write_public or self.close or self.give


def wanted_from_options(options: Mapping[str, object]) -> Wanted:
    """Options of the module keypair, checked.

    :raises InputError: a value that cannot be meant as it stands.
    """
    path = os.path.abspath(str(options["path"]))
    if path.endswith(".pub"):
        raise InputError(
            "path_is_public", f"path is {path}, a public key file.", "Name the private key; .pub is added to it."
        )
    comment = options.get("comment")
    if isinstance(comment, str) and not comment.isprintable():
        raise InputError(
            "comment_malformed", f"comment is {comment!r}: it has control characters.", "Use one line of text."
        )
    passphrase = options.get("passphrase")
    if passphrase == "":
        raise InputError("passphrase_empty", "passphrase is empty.", "Leave it out for a key without a passphrase.")
    kind = str(options.get("type") or "ed25519")
    owner, group = options.get("owner"), options.get("group")
    return Wanted(
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
        "ed25519": (bits == 256, "Leave bits out: all ed25519 keys have 256."),
        "ecdsa": (bits in CURVE_BITS, "An ecdsa key has 256, 384 or 521 bits."),
        "rsa": (isinstance(bits, int) and RSA_BITS[0] <= bits <= RSA_BITS[1], "An rsa key has 2048 to 16384 bits."),
    }
    fits, way_out = possible[kind]
    if not fits or not isinstance(bits, int):
        raise InputError("bits_impossible", f"bits is {bits}, which no {kind} key has, or none that is sound.", way_out)
    return bits


def _id_of(option: str, name: str, look_up: Callable[[str], int]) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError:
        raise InputError(
            f"{option}_unknown",
            f"{option} is {name!r}, which this host does not know.",
            "Create it, or correct the name.",
        ) from None


# What is there


def inspect(wanted: Wanted) -> Found:
    """Look at the pair.

    :raises InputError: ``path`` or its public key file is a link.
    :raises AuthenticationError: ``key_unreadable``.
    """
    require()
    return Found(private=_find_private(wanted), public=_find_public(wanted))


def _find_private(wanted: Wanted) -> FoundPrivate | None:
    if _status(wanted.path) is None:
        return None
    try:
        body, status = read_private(wanted.path)
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


def _find_public(wanted: Wanted) -> FoundPublic | None:
    status = _status(wanted.public_path)
    if status is None:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            "public_not_a_file", f"{wanted.public_path} is no regular file.", "Move it away, or name another path."
        )
    try:
        with open(wanted.public_path, "rb") as file:
            text = file.read(MAX_PUBLIC_FILE).decode("utf-8", "backslashreplace")
    except OSError:
        text = ""  # what we cannot read is not what we want there
    return FoundPublic(text=text.strip(), uid=status.st_uid, gid=status.st_gid)


def _status(path: str) -> os.stat_result | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise disk_error(error, f"look at {path}") from error
    if stat.S_ISLNK(status.st_mode):
        raise InputError("path_is_link", f"{path} is a link to {os.readlink(path)}.", "Name the file that it leads to.")
    return status


# What to do


def make_plan(wanted: Wanted, found: Found) -> Plan:
    """Decide, from nothing but what is wanted and what is there.

    :raises InputError: ``key_differs``, ``public_key_alone``: doing it would replace a key, and that was not asked for.
    :raises AuthenticationError: the key cannot be used, and replacing it was not asked for.
    """
    old = found.private
    if old is None:
        if found.public is not None and wanted.replace == "never":
            raise InputError(
                "public_key_alone",
                f"{wanted.public_path} is there, and its private key {wanted.path} is not.",
                "Put the private key back, remove the public one, or name another path. " + OFFER,
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
            f"The private key {wanted.path} stays as it is, though " + " and ".join(differences) + ".",
            "Correct the options, or name another path. " + OFFER,
        )
    return _amend(wanted, found, old)


def _differences(wanted: Wanted, old: FoundPrivate) -> list[str]:
    """In which ways a usable key is another one than wanted."""
    if old.public is None:
        return []
    kind, bits = _kind(old.public), old.public.bits
    found = []
    if kind != wanted.type:
        found.append(f"it is of type {kind}, not {wanted.type}")
    elif wanted.bits is not None and bits != wanted.bits:
        found.append(f"it has {bits} bits, not {wanted.bits}")
    elif kind == "rsa" and bits < RSA_BITS[0]:
        found.append(f"it has {bits} bits, which is too few to be sound")
    if wanted.passphrase is not None and not old.encrypted:
        found.append(f"it is not encrypted, and there is a passphrase (ssh-keygen -p -f {wanted.path} encrypts it)")
    return found


def _amend(wanted: Wanted, found: Found, old: FoundPrivate) -> Plan:
    """What a key that stays may need beside it."""
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


def _comment(wanted: Wanted, found: Found, key: PublicKey | None) -> str:
    """The comment that is wanted, else the one that the key's own public file has."""
    if wanted.comment is not None:
        return wanted.comment
    if found.public is not None and key is not None and found.public.key == key:
        return found.public.comment
    return ""


def _kind(key: PublicKey) -> str:
    return {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}.get(key.type, "ecdsa")


def public_line(key: PublicKey, comment: str) -> str:
    return f"{key.line} {comment}".rstrip()


def check_possible(wanted: Wanted, plan: Plan) -> None:
    """Refuse now, in check mode too, what the doing could only fail at.

    :raises DiskError: the folder cannot be written to, or made.
    :raises InputError: the files would have to be given to another user, which only root can do.
    """
    if not plan.changed:
        return
    folder = wanted.folder
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            raise DiskError("folder_missing", f"{folder} is no folder.", "Name another path.")
        parent = os.path.dirname(folder)
        if not os.path.isdir(parent):
            raise DiskError(
                "folder_missing",
                f"Neither the folder {folder} nor the one above it exists.",
                "Make it, or correct path; only the last folder is made.",
            )
        folder = parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DiskError("folder_denied", f"The folder {folder} cannot be written to.", "Run as a user who may.")
    if os.geteuid() != 0:
        groups = {os.getegid(), *os.getgroups()}
        if wanted.uid not in (None, os.geteuid()) or (wanted.gid is not None and wanted.gid not in groups):
            raise InputError(
                "owner_denied",
                "Only root can give files to another user or group.",
                "Leave owner and group out, or set become.",
            )


def new_owner(wanted: Wanted, found: Found) -> tuple[int, int]:
    """Who gets a new pair: those named, else, if we may decide that, those who had the old one. -1 leaves it open."""
    old = found.private if os.geteuid() == 0 else None
    uid = wanted.uid if wanted.uid is not None else old.uid if old else -1
    gid = wanted.gid if wanted.gid is not None else old.gid if old else -1
    return uid, gid


# What to show


def describe(found: Found) -> dict[str, str]:
    """The pair as people see it, for a diff; empty if there is none. Nothing private."""
    shown: dict[str, str] = {}
    private = found.private
    if private is not None:
        key = private.public
        shown.update(
            type=_kind(key) if key else "(cannot be told)",
            bits=str(key.bits) if key else "(cannot be told)",
            fingerprint=key.fingerprint if key else "(cannot be told)",
            encrypted="yes" if private.encrypted else "no",
            mode=f"{private.mode:04o}",
            owner=_name_of(private.uid, lambda uid: pwd.getpwuid(uid).pw_name),
            group=_name_of(private.gid, lambda gid: grp.getgrgid(gid).gr_name),
        )
    if found.public is not None:
        shown.update(comment=found.public.comment, public_key=found.public.text)
    return shown


def predict(wanted: Wanted, found: Found, plan: Plan) -> dict[str, str]:
    """What `describe` would say afterwards, as far as anybody can know that before."""
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


def _predicted_owner(wanted: Wanted, found: Found, plan: Plan) -> tuple[int, int]:
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
