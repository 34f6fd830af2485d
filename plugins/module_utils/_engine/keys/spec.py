# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Specify a key pair: which one is required, from the options of the module keypair or of the command."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..config import options as read
from ..errors import InputError

TYPES = ("ecdsa", "ed25519", "rsa")
STATES = ("present", "absent")
REGENERATE = ("never", "fail", "partial_idempotence", "full_idempotence", "always")
REPLACE = {"never": "fail", "mismatch": "full_idempotence", "always": "always"}
"""The values of the option replace, and what they mean for regenerate."""
PRIVATE_MODES = (0o600, 0o400)
DEFAULT_BITS = {"ecdsa": 256, "ed25519": 256, "rsa": 3072}
CURVE_BITS = (256, 384, 521)
RSA_BITS = (2048, 16384)


@dataclass(frozen=True)
class KeyPairSpec:
    """Specify the required pair. With None for ``bits``, ``comment`` or ``mode``, an existing key keeps its own.

    :ivar regenerate: one of `REGENERATE`: when to replace an existing pair.
    :ivar backup: keep a pair that is replaced or removed under another name.
    :ivar present: False to remove the pair.
    :ivar mode: the mode of the private key file, one of `PRIVATE_MODES`.
    """

    path: str
    type: str = "ed25519"
    bits: int | None = None
    comment: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    regenerate: str = "fail"
    backup: bool = True
    present: bool = True
    mode: int | None = None
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
    owner, group, replace = options.get("owner"), options.get("group"), options.get("replace")
    return KeyPairSpec(
        path=path,
        type=kind,
        bits=_bits(kind, options.get("bits")),
        comment=comment.strip() if isinstance(comment, str) else None,
        passphrase=None if passphrase is None else str(passphrase),
        regenerate=REPLACE[str(replace)] if replace is not None else str(options.get("regenerate") or "fail"),
        backup=options.get("backup") is not False,
        present=options.get("state") != "absent",
        mode=_mode(options.get("mode")),
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


def _mode(mode: object) -> int | None:
    """Return a mode. A number is the mode itself: YAML has read the octal one already."""
    if mode is None:
        return None
    with contextlib.suppress(ValueError, TypeError):
        number = mode if isinstance(mode, int) else int(str(mode), 8)
        if number in PRIVATE_MODES:
            return number
    raise InputError(
        "mode_exposed",
        f"mode: {mode!r} is not a mode for a private key, which only its owner may use.",
        "Set mode to '0600' or '0400', in quotes.",
    )
