# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a key pair on disk with the options, and plan what to do. The plan is carried out in ``apply``.

A lost private key cannot be restored, and a public key that a provider has registered cannot be made again. So nothing
is replaced unless that is requested, and even then the old pair is kept beside the new one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import DiskError, InputError
from .formats import PublicKey
from .found import Found, FoundPrivate
from .openssh import require_bcrypt
from .spec import RSA_BITS, KeyPairSpec


@dataclass(frozen=True)
class Plan:
    """Say what to do.

    :ivar action: ``keep``, ``create``, ``replace`` or ``remove`` the private key.
    :ivar comment: the comment of the public key file afterwards.
    :ivar write_public: write the public key file.
    :ivar write_private: write the private key file of a key that is kept, with the new comment inside.
    :ivar mode: the mode to set for the private key file; None to leave it.
    :ivar exposed: users other than its owner can use the existing private key file.
    :ivar give: change the owner or group of the files.
    :ivar differences: how a key that is kept differs from the specified one (``regenerate=never``).
    """

    action: str
    comment: str = ""
    write_public: bool = True
    write_private: bool = False
    mode: int | None = None
    exposed: bool = False
    give: bool = False
    differences: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        amended = self.write_public or self.write_private or self.mode is not None or self.give
        return self.action != "keep" or amended


def make_plan(wanted: KeyPairSpec, found: Found) -> Plan:
    """Plan the changes from the specified pair and the existing one alone.

    :raises InputError: ``key_differs``, ``public_key_alone``: a key would be replaced, and ``regenerate`` forbids that.
    :raises AuthenticationError: the key cannot be used, and ``regenerate`` forbids to replace it.
    """
    old = found.private
    if not wanted.present:
        there = old is not None or found.public is not None
        return Plan("remove" if there else "keep", write_public=False)
    if old is None:
        if found.public is not None and wanted.regenerate not in ("full_idempotence", "always"):
            raise InputError(
                "public_key_alone",
                f"{wanted.public_path} exists, but its private key {wanted.path} does not.",
                f"Restore the private key, remove the public one, or change path. {_offer(wanted)}",
            )
        return Plan("create", wanted.comment or "")
    trouble = old.trouble or _plain(wanted, old)
    differences = [] if trouble else _differences(wanted, old)
    if _replaces(wanted.regenerate, unusable=trouble is not None, differs=bool(differences)):
        return Plan("replace", _comment(wanted, found, old.public))
    if trouble:
        raise type(trouble)(trouble.reason, trouble.finding, f"{trouble.way_out} {_offer(wanted)}")
    if differences and wanted.regenerate != "never":
        raise InputError("key_differs", kept_although(wanted, differences), f"Correct {_OPTIONS}. {_offer(wanted)}")
    return _amend(wanted, found, old, tuple(differences))


_OPTIONS = "the options, or change path"


def _replaces(regenerate: str, *, unusable: bool, differs: bool) -> bool:
    """Whether to replace an existing private key: the values of ``regenerate`` as community.crypto defines them."""
    if regenerate == "always":
        return True
    if regenerate == "full_idempotence":
        return unusable or differs
    return regenerate == "partial_idempotence" and differs


def _offer(wanted: KeyPairSpec) -> str:
    beside = "; the old pair is kept beside it" if wanted.backup else ""
    return f"To generate a new pair instead, set regenerate to full_idempotence{beside}."


def kept_although(wanted: KeyPairSpec, differences: Iterable[str]) -> str:
    return f"The private key {wanted.path} is kept, although " + " and ".join(differences) + "."


def _plain(wanted: KeyPairSpec, old: FoundPrivate) -> InputError | None:
    """Return the error for a key that is not encrypted, although a passphrase is given: it is not the expected key."""
    if wanted.passphrase is None or old.encrypted:
        return None
    finding = kept_although(wanted, ["it is not encrypted, but a passphrase is given"])
    way_out = f"Correct {_OPTIONS}. To encrypt it, run: ssh-keygen -p -f {wanted.path}."
    return InputError("key_differs", finding, way_out)


def _differences(wanted: KeyPairSpec, old: FoundPrivate) -> list[str]:
    """List how a usable key differs from the specified one."""
    if old.public is None:
        return []
    kind, bits = kind_of(old.public), old.public.bits
    found = []
    if kind != wanted.type:
        found.append(f"it is of type {kind}, not {wanted.type}")
    elif wanted.bits is not None and bits != wanted.bits:
        found.append(f"it has {bits} bits, not {wanted.bits}")
    elif kind == "rsa" and bits < RSA_BITS[0]:
        found.append(f"it has {bits} bits, which is too few to be secure")
    return found


def _amend(wanted: KeyPairSpec, found: Found, old: FoundPrivate, differences: tuple[str, ...]) -> Plan:
    """Plan the changes for a private key that is kept."""
    comment = _comment(wanted, found, old.public)
    line = public_line(old.public, comment) if old.public else ""
    mode = wanted.mode or (0o600 if old.mode & 0o077 else old.mode)
    owners = [(each.uid, each.gid) for each in (old, found.public) if each is not None]
    return Plan(
        action="keep",
        comment=comment,
        write_public=found.public is None or found.public.text != line,
        write_private=wanted.comment is not None and old.comment not in (None, comment),
        mode=mode if mode != old.mode else None,
        exposed=bool(old.mode & 0o077),
        give=any(wanted.uid not in (None, uid) or wanted.gid not in (None, gid) for uid, gid in owners),
        differences=differences,
    )


def _comment(wanted: KeyPairSpec, found: Found, key: PublicKey | None) -> str:
    """Return the specified comment, else the one in the key's public key file, else the one inside the key."""
    if wanted.comment is not None:
        return wanted.comment
    if found.public is not None and key is not None and found.public.key == key:
        return found.public.comment
    return (found.private.comment if found.private else None) or ""


def kind_of(key: PublicKey) -> str:
    return {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}.get(key.type, "ecdsa")


def public_line(key: PublicKey, comment: str) -> str:
    return f"{key.line} {comment}".rstrip()


def check_possible(wanted: KeyPairSpec, plan: Plan) -> None:
    """Refuse early, also in check mode, what would fail when the plan is carried out.

    :raises DiskError: the folder is not writable, or cannot be created.
    :raises DependencyError: encryption requires the library bcrypt.
    :raises InputError: the files would have to be given to another user or group, which only root can do.
    """
    if not plan.changed:
        return
    if plan.action in ("create", "replace") and wanted.passphrase is not None:
        require_bcrypt()
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
    if os.geteuid() != 0 and plan.action != "remove":
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
