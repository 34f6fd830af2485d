# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define who can log in to the sandbox: user names, registered public keys, and salted hashes of passwords."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from .._engine.errors import InputError
from .._engine.keys.formats import parse_line
from .billit import Habits

_USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_ROUNDS = 50_000


@dataclass(frozen=True)
class Account:
    """Define one mailbox of the sandbox. It may have keys and a password; either is enough to log in.

    :param public_keys: lines as in a ``.pub`` file: type, base64, and an optional comment.
    :param password: the result of ``hash_password``, never the password itself.
    :param billit: how Billit treats the account; ``None``: an import monitor like Amili's takes its files.
    """

    username: str
    public_keys: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    billit: Habits | None = None

    @property
    def blobs(self) -> frozenset[bytes]:
        """The registered keys in their encoding on the wire (RFC 4253, section 6.6)."""
        return frozenset(_blob(line) for line in self.public_keys)

    @property
    def methods(self) -> str:
        """The login methods, in the syntax of SSH (RFC 4252, section 5.1)."""
        return "publickey,password" if self.password is not None else "publickey"

    def to_data(self) -> dict[str, object]:
        """Convert the account to plain data for the settings file."""
        return {
            "username": self.username,
            "public_keys": list(self.public_keys),
            "password": self.password,
            "billit": None if self.billit is None else asdict(self.billit),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, object]) -> Account:
        """Read an account from the settings file. :raises ValueError, InputError: the data is invalid."""
        keys, password = data.get("public_keys"), data.get("password")
        if not isinstance(keys, list) or not (password is None or isinstance(password, str)):
            raise ValueError("an account has no keys")
        billit = data.get("billit")
        return cls(
            checked_username(str(data.get("username"))),
            tuple(checked_key(str(key)) for key in keys),
            password,
            Habits(**billit) if isinstance(billit, dict) else None,
        )


def account(
    username: str,
    *,
    public_keys: Sequence[str] = (),
    password: str | None = None,
    billit: Habits | None = None,
    known: Account | None = None,
) -> Account:
    """Build an account from a user's input.

    :param password: the password itself; only its hash is kept.
    :param known: the earlier account. If the password is the same, its hash is kept, so that nothing appears changed.
    :raises InputError: the name, a key or the password is invalid.
    """
    keys = tuple(checked_key(line) for line in public_keys)
    if not keys and password is None:
        raise InputError(
            "account_without_key",
            f"The account {username!r} of the sandbox has neither a public key nor a password, so nobody could log in.",
            "Register the public key that the client will use, as in its .pub file.",
        )
    hashed = None
    if password is not None:
        if not password:
            raise InputError(
                "password_empty", f"The password of the account {username!r} of the sandbox is empty.", "Remove it."
            )
        same = known is not None and known.password is not None and password_matches(password, known.password)
        hashed = known.password if known is not None and same else hash_password(password)
    return Account(checked_username(username), keys, hashed, billit)


def by_name(accounts: Iterable[Account]) -> dict[str, Account]:
    """Return the accounts by name. :raises InputError: two have the same name."""
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
    """Check that a name can be the name of a folder. :raises InputError: it cannot."""
    if not _USERNAME.fullmatch(username):
        raise InputError(
            "username_invalid",
            f"The user name {username!r} is invalid in the sandbox, where each account has a folder with its name.",
            "Use 1 to 64 letters, digits and . _ @ -; begin with a letter, a digit or _.",
        )
    return username


def checked_key(line: str) -> str:
    """Check a public key on one line, and strip spaces. :raises InputError: it is not a public key."""
    line = line.strip()
    if "PRIVATE KEY" in line:
        # The value is not shown: a private key must never appear in an error.
        raise InputError(
            "public_key_private", "A private key is given as a public key.", "Register the content of the .pub file."
        )
    _blob(line)
    return line


def _blob(line: str) -> bytes:
    try:
        type_name, encoded = line.split(None, 2)[:2]
        if len(line.splitlines()) != 1:
            raise ValueError("it has more than one line")
        return parse_line(type_name, encoded).blob
    except ValueError as error:
        why = str(error) if len(line.split()) > 1 else "it does not consist of a type and a key in base64"
        raise InputError(
            "public_key_malformed",
            f"The public key {line[:80]!r} cannot be registered: {why}.",
            'Register one line as in a .pub file, such as "ssh-ed25519 AAAA... comment".',
        ) from None


def hash_password(password: str) -> str:
    """Return a salted hash (PBKDF2 with SHA-256, RFC 8018) to store instead of the password."""
    salt = os.urandom(16)
    return f"{salt.hex()}:{_derive(password, salt).hex()}"


def password_matches(password: str, hashed: str) -> bool:
    """Whether a password matches a hash."""
    salt, _colon, expected = hashed.partition(":")
    try:
        return hmac.compare_digest(_derive(password, bytes.fromhex(salt)), bytes.fromhex(expected))
    except ValueError:
        return False


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogateescape"), salt, _ROUNDS)
