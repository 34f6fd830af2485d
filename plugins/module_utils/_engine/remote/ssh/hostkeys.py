# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide which server to trust, by the host keys that an account pins."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...keys.formats import PublicKey, parse_line
from .known_hosts import names

HostKey = PublicKey

Host = tuple[str, int]
"""A name or an address, and a port."""

REVOKED, AUTHORITY = "@revoked", "@cert-authority"
"""Markers of known_hosts."""

# Signature algorithms by key type, best first (RFC 5656, 8332, 8709). SHA-1 signatures (named ssh-rsa) are excluded.
SIGNATURES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


def signatures_of(type_name: str, legacy: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the signature algorithms of a type of keys, best first, with those that an account allows.

    The weak one of RSA keys has the name of their type.
    """
    return (*SIGNATURES[type_name], *([type_name] if type_name == "ssh-rsa" and type_name in legacy else []))


# ``SHA256:...`` alone, or a line as printed by ``ssh-keygen -l``: bits, fingerprint, comment, type.
FINGERPRINT = re.compile(r"(?:\d{3,5} )?SHA256:([A-Za-z0-9+/]{43})=?(?: .*)?")
MAX_SHOWN = 80  # characters of a malformed entry
WAY_OUT = (
    "Each entry must be a public key (ssh-ed25519 AAAA...), a line of known_hosts, or a fingerprint (SHA256:...). "
    "ssh-keyscan shows what the server offers; compare that with what the provider published."
)


@dataclass(frozen=True)
class TrustedKeys:
    """Hold the host keys that one account trusts, for one host.

    :ivar keys: complete public keys.
    :ivar digests: SHA-256 digests of blobs, where only fingerprints are known.
    :ivar revoked: keys that are never trusted, whatever else is pinned.
    :ivar authorities: keys whose certificates of the host are trusted. Only the transport openssh can check those.
    """

    keys: tuple[PublicKey, ...] = ()
    digests: tuple[bytes, ...] = ()
    revoked: tuple[PublicKey, ...] = ()
    authorities: tuple[PublicKey, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str], whose: Host | None = None, *, hops: Sequence[Host] = ()) -> TrustedKeys:
        """Parse the entries of ``host_keys``. An entry may have several lines; empty lines and comments are ignored.

        Keys and fingerprints without a name are those of the server. A line of known_hosts is for the hops that it
        names. If it names none, it is for the server. A revoked key is revoked for all of them.

        :param whose: whose keys are wanted: of one of the hops, or of the server, which is the default.
        :param hops: the hops on the way to the server.
        :raises InputError: ``host_keys_malformed``; shows the entry's number (from 0) and text.
        """
        found = [line for line in _lines(entries) if _is_for(line, whose, hops)]
        return cls(
            keys=tuple(line.key for line in found if line.key and not line.marker),
            digests=tuple(line.digest for line in found if line.digest),
            revoked=tuple(line.key for line in found if line.key and line.marker == REVOKED),
            authorities=tuple(line.key for line in found if line.key and line.marker == AUTHORITY),
        )

    def __bool__(self) -> bool:
        return bool(self.keys or self.digests or self.authorities)

    def __str__(self) -> str:
        """Return type and fingerprint of each key, for messages."""
        return ", ".join(
            [f"{key.type} {key.fingerprint}" for key in self.keys]
            + ["SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=") for digest in self.digests]
            + [f"certificates by {key.type} {key.fingerprint}" for key in self.authorities]
        )

    def algorithms(self, legacy: Sequence[str] = ()) -> tuple[str, ...]:
        """Return signature algorithms of the pinned keys, in their order; empty if only fingerprints are pinned."""
        return tuple(dict.fromkeys(name for key in self.keys for name in signatures_of(key.type, legacy)))

    def trusts(self, type_name: str, blob: bytes) -> bool:
        """Whether the account trusts a key that the server has proved to own."""
        if self.is_revoked(blob):
            return False
        if any(key.type == type_name and key.blob == blob for key in self.keys):
            return True
        return hashlib.sha256(blob).digest() in self.digests

    def is_revoked(self, blob: bytes) -> bool:
        return any(key.blob == blob for key in self.revoked)


@dataclass(frozen=True)
class _Line:
    """A line of ``host_keys``: a key or a digest, and for one of known_hosts its marker and its names."""

    key: PublicKey | None = None
    digest: bytes | None = None
    marker: str = ""
    names: str = ""


def _lines(entries: Sequence[str]) -> Iterator[_Line]:
    for index, entry in enumerate(entries):
        lines = [line.strip() for line in entry.splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
        if not lines:
            raise _malformed(index, entry, "it contains no key")
        for line in lines:
            try:
                yield _parse_line(line)
            except ValueError as error:
                raise _malformed(index, line, str(error)) from None


def _is_for(line: _Line, whose: Host | None, hops: Sequence[Host]) -> bool:
    if line.marker == REVOKED:
        return True
    if whose is not None and line.names and names(line.names, *whose):
        return True
    return whose not in hops and not (line.names and any(names(line.names, *hop) for hop in hops))


def _parse_line(line: str) -> _Line:
    """Parse a public key, the digest of one, or a line of known_hosts.

    :raises ValueError: the entry is invalid; the text says why.
    """
    if "PRIVATE KEY" in line:
        raise ValueError("it is a private key, which must never be used here")
    if line.upper().startswith("MD5:") or re.match(r"(\d+ )?(MD5:)?([0-9a-f]{2}:){15}", line, re.IGNORECASE):
        raise ValueError("MD5 fingerprints are not secure; ask the provider for the SHA-256 fingerprint")
    if "SHA256:" in line:
        found = FINGERPRINT.fullmatch(line)
        if found is None:
            raise ValueError("a SHA256: fingerprint must have 43 characters of base64")
        return _Line(digest=base64.b64decode(found[1] + "="))
    words = line.split()
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", REVOKED, AUTHORITY):
        raise ValueError(f"the marker {marker} is unknown; known are {REVOKED} and {AUTHORITY}")
    at = next((at for at, word in enumerate(words[:2]) if _looks_like_type(word)), None)
    if at is None:
        raise ValueError("it does not begin with a known key type")
    if words[at] not in SIGNATURES:
        raise ValueError(f"host keys of type {words[at]} are not supported")
    if at + 1 >= len(words):
        raise ValueError("the key is missing after its type")
    return _Line(parse_line(words[at], words[at + 1]), marker=marker, names=words[0] if at else "")


def _looks_like_type(word: str) -> bool:
    return re.fullmatch(r"(?:ssh|ecdsa|sk|rsa)-[a-z0-9@.-]+", word) is not None


def _malformed(index: int, text: str, why: str) -> InputError:
    if "PRIVATE KEY" in text:
        shown = "(not shown)"
    elif len(text) > MAX_SHOWN:
        shown = f"{text[:MAX_SHOWN]!r}..."
    else:
        shown = repr(text)
    return InputError("host_keys_malformed", f"host_keys[{index}] is {shown}: {why}.", WAY_OUT)
