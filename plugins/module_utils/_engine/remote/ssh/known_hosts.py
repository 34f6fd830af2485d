# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Match the names in a line of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac

PORT = 22


def names(pattern: str, host: str, port: int) -> bool:
    """Return whether the first field of a line names a host at a port.

    The field is a hashed name, or patterns with ``*`` and ``?``, separated by commas. ``!`` before one excludes what it
    matches. With another port than 22, the name is ``[host]:port``; a name without a port is not enough then.
    """
    name = (host if port == PORT else f"[{host}]:{port}").lower()
    if pattern.startswith("|"):
        return _is_hash_of(pattern, name)
    found = False
    for each in pattern.lower().split(","):
        if _matches(each[1:] if each.startswith("!") else each, name):
            if each.startswith("!"):
                return False
            found = True
    return found


def _matches(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _is_hash_of(pattern: str, name: str) -> bool:
    """Return whether a field such as ``|1|salt|hash`` stands for a name: HMAC-SHA1 of the name, keyed by the salt."""
    parts = pattern.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
