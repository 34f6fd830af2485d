# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which server is the right one: the host keys that an account pins."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...keys.formats import PublicKey, parse_line

HostKey = PublicKey

# How a key of each type signs, best first (RFC 5656, 8332, 8709). SHA-1 signatures (named ssh-rsa) are not among them.
SIGNATURES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
# ``SHA256:...`` alone, or a line as ``ssh-keygen -l`` prints it: bits, fingerprint, comment, type.
FINGERPRINT = re.compile(r"(?:\d{3,5} )?SHA256:([A-Za-z0-9+/]{43})=?(?: .*)?")
SHOWN = 80  # characters of a malformed entry
WAY_OUT = (
    "An entry is a public key (ssh-ed25519 AAAA...), a line of known_hosts, or a fingerprint (SHA256:...). "
    "The module courier.filedrop.host_keys_info shows what the server offers."
)


@dataclass(frozen=True)
class TrustedKeys:
    """The host keys that one account trusts.

    :ivar keys: whole public keys.
    :ivar digests: SHA-256 digests of blobs, where only fingerprints are known.
    """

    keys: tuple[PublicKey, ...] = ()
    digests: tuple[bytes, ...] = ()

    @classmethod
    def parse(cls, entries: Sequence[str]) -> TrustedKeys:
        """Read the entries of ``host_keys``. An entry may have several lines; empty ones and comments are passed over.

        :raises InputError: ``host_keys_malformed``; shows the entry's number (from 0) and text.
        """
        keys: list[PublicKey] = []
        digests: list[bytes] = []
        for index, entry in enumerate(entries):
            lines = [line.strip() for line in entry.splitlines()]
            lines = [line for line in lines if line and not line.startswith("#")]
            if not lines:
                raise _malformed(index, entry, "it holds no key")
            for line in lines:
                try:
                    parsed = _parse_entry(line)
                except ValueError as error:
                    raise _malformed(index, line, str(error)) from None
                if isinstance(parsed, PublicKey):
                    keys.append(parsed)
                else:
                    digests.append(parsed)
        return cls(keys=tuple(keys), digests=tuple(digests))

    def __bool__(self) -> bool:
        return bool(self.keys or self.digests)

    def __str__(self) -> str:
        """Type and fingerprint of each, for messages."""
        return ", ".join(
            [f"{key.type} {key.fingerprint}" for key in self.keys]
            + ["SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=") for digest in self.digests]
        )

    def algorithms(self) -> tuple[str, ...]:
        """How the pinned keys sign, in the order of the entries; empty if only fingerprints are pinned."""
        return tuple(dict.fromkeys(name for key in self.keys for name in SIGNATURES[key.type]))

    def trusts(self, type_name: str, blob: bytes) -> bool:
        """Whether a key that a server has proved to own is one of these."""
        if any(key.type == type_name and key.blob == blob for key in self.keys):
            return True
        return hashlib.sha256(blob).digest() in self.digests


def _parse_entry(line: str) -> PublicKey | bytes:
    """A public key, or the digest of one.

    :raises ValueError: with the reason.
    """
    if "PRIVATE KEY" in line:
        raise ValueError("it is a private key, which never belongs here")
    if line.startswith("@"):
        raise ValueError("markers such as @cert-authority and @revoked are not supported: give the host's own key")
    if line.upper().startswith("MD5:") or re.match(r"(\d+ )?(MD5:)?([0-9a-f]{2}:){15}", line, re.IGNORECASE):
        raise ValueError("MD5 fingerprints prove too little: ask for the SHA-256 one")
    if "SHA256:" in line:
        found = FINGERPRINT.fullmatch(line)
        if found is None:
            raise ValueError("a SHA256: fingerprint has 43 characters of base64")
        return base64.b64decode(found[1] + "=")
    words = line.split()
    # known_hosts puts the host before the type; whose key it is there says nothing here.
    at = next((at for at, word in enumerate(words[:2]) if _looks_like_type(word)), None)
    if at is None:
        raise ValueError("it begins with no known key type")
    if words[at] not in SIGNATURES:
        raise ValueError(f"host keys of type {words[at]} are not supported")
    if at + 1 >= len(words):
        raise ValueError("the key itself is missing after its type")
    return parse_line(words[at], words[at + 1])


def _looks_like_type(word: str) -> bool:
    return re.fullmatch(r"(?:ssh|ecdsa|sk|rsa)-[a-z0-9@.-]+", word) is not None


def _malformed(index: int, text: str, why: str) -> InputError:
    if "PRIVATE KEY" in text:
        shown = "(not shown)"
    elif len(text) > SHOWN:
        shown = f"{text[:SHOWN]!r}..."
    else:
        shown = repr(text)
    return InputError("host_keys_malformed", f"host_keys[{index}] is {shown}: {why}.", WAY_OUT)
