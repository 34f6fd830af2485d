# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may log in to the sandbox: names, registered public keys, and passwords as salted hashes."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._engine.errors import InputError
from .._engine.keys.formats import parse_line

_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_ROUNDS = 50_000


@dataclass(frozen=True)
class Account:
    """One mailbox of the sandbox. Keys and a password may both be there; either is enough to log in.

    :param public_keys: lines as in a ``.pub`` file: type, base64, and perhaps a comment.
    :param password: what ``hash_password`` returned; never the password itself.
    """

    username: str
    public_keys: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)

    @property
    def blobs(self) -> frozenset[bytes]:
        """The registered keys as they come over the wire (RFC 4253, section 6.6)."""
        return frozenset(_blob(line) for line in self.public_keys)

    @property
    def methods(self) -> str:
        """The ways to log in, as SSH lists them (RFC 4252, section 5.1)."""
        return "publickey,password" if self.password is not None else "publickey"

    def to_data(self) -> dict[str, object]:
        """For the settings file."""
        return {"username": self.username, "public_keys": list(self.public_keys), "password": self.password}

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> Account:
        """From the settings file. :raises ValueError, InputError: it does not hold an account."""
        keys, password = data.get("public_keys"), data.get("password")
        if not isinstance(keys, list) or not (password is None or isinstance(password, str)):
            raise ValueError("an account lacks its keys")
        return cls(checked_username(str(data.get("username"))), tuple(checked_key(str(key)) for key in keys), password)


def account(
    username: str, *, public_keys: Sequence[str] = (), password: str | None = None, known: Account | None = None
) -> Account:
    """An account from what a person wrote.

    :param password: the password itself; only its hash is kept.
    :param known: the account as it was before: its hash stays when the password is still the same, so that nothing
        looks changed.
    :raises InputError: the name, a key or the password cannot be used.
    """
    keys = tuple(checked_key(line) for line in public_keys)
    if not keys and password is None:
        raise InputError(
            "account_without_key",
            f"The account {username!r} of the sandbox has no public key and no password, so nobody could log in.",
            "Register the public key that the client will use, as it stands in its .pub file.",
        )
    hashed = None
    if password is not None:
        if not password:
            raise InputError(
                "password_empty", f"The password of the account {username!r} of the sandbox is empty.", "Leave it out."
            )
        same = known is not None and known.password is not None and password_matches(password, known.password)
        hashed = known.password if known is not None and same else hash_password(password)
    return Account(checked_username(username), keys, hashed)


def by_name(accounts: Iterable[Account]) -> dict[str, Account]:
    """The accounts by name. :raises InputError: two have the same name."""
    found: dict[str, Account] = {}
    for one in accounts:
        if one.username in found:
            raise InputError(
                "account_twice",
                f"The sandbox has two accounts with the name {one.username!r}.",
                "Give each account its own name; several keys can be registered for one account.",
            )
        found[one.username] = one
    return found


def checked_username(username: str) -> str:
    """A name that can be a folder's. :raises InputError: it cannot."""
    if not _USERNAME.fullmatch(username):
        raise InputError(
            "username_invalid",
            f"The user name {username!r} cannot be used in the sandbox, where each account has a folder of its name.",
            "Use 1 to 64 letters, digits, and . _ @ - inside, beginning with a letter, a digit or _.",
        )
    return username


def checked_key(line: str) -> str:
    """A public key on one line, without spaces around it. :raises InputError: it is none."""
    line = line.strip()
    if "PRIVATE KEY" in line:
        # Not shown: this is the one thing that must never stand in an error.
        raise InputError(
            "public_key_private", "A private key was given as a public key.", "Register the content of the .pub file."
        )
    _blob(line)
    return line


def _blob(line: str) -> bytes:
    try:
        type_name, encoded = line.split(None, 2)[:2]
        if len(line.splitlines()) != 1:
            raise ValueError("it is more than one line")
        return parse_line(type_name, encoded).blob
    except ValueError as error:
        why = str(error) if len(line.split()) > 1 else "it is not a type and a key in base64"
        raise InputError(
            "public_key_malformed",
            f"The public key {line[:80]!r} cannot be registered: {why}.",
            'Register one line as it stands in a .pub file, such as "ssh-ed25519 AAAA... comment".',
        ) from None


def hash_password(password: str) -> str:
    """A salted hash (PBKDF2 with SHA-256, RFC 8018), to be kept in the password's place."""
    salt = os.urandom(16)
    return f"{salt.hex()}:{_derive(password, salt).hex()}"


def password_matches(password: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    salt, _colon, expected = hashed.partition(":")
    try:
        return hmac.compare_digest(_derive(password, bytes.fromhex(salt)), bytes.fromhex(expected))
    except ValueError:
        return False


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogateescape"), salt, _ROUNDS)
