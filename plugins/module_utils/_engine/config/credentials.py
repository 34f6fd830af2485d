# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an account's secrets are when they do not stand in its own file: in files that nobody else may read.

``credential:NAME`` is what systemd's LoadCredential hands to a unit under that name, and, where there is no such thing
(a run by hand, or by cron), the file NAME among the configuration's keys. So one account file serves both.
"""

from __future__ import annotations

import os
import re
import stat as modes

from ..errors import InputError

REFERENCE = "credential:"
LONGEST_SECRET = 4096  # bytes
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")


def located(reference: str, keys: str, *, option: str) -> str:
    """The path that a reference stands for; a path stands for itself.

    :param keys: the folder of the configuration's keys.
    :raises InputError: the name of the credential is none.
    """
    if not reference.startswith(REFERENCE):
        return reference
    name = reference[len(REFERENCE) :]
    if not _NAME.fullmatch(name):
        raise InputError(
            "option_invalid",
            f"{option}: {reference!r} names no credential.",
            f"Write {REFERENCE} and the name of a file in {keys}, such as {REFERENCE}amili.",
        )
    handed_over = os.path.join(_folder() or "/nonexistent", name)
    return handed_over if os.path.exists(handed_over) else os.path.join(keys, name)


def forbidden_mode(path: str) -> int:
    """The permission bits that the file of a secret must not have.

    What systemd hands to a unit may look readable by a group: it lets the unit's user in by an access control list,
    whose mask stands in the place of the group's permissions.
    """
    folder = _folder()
    return 0o037 if folder is not None and os.path.dirname(os.path.abspath(path)) == folder else 0o077


def read_secret(path: str, *, option: str) -> str:
    """A password or passphrase from a file of its own, without the line break at its end.

    :raises InputError: there is none, or others could read it. Nothing of the content is in the error.
    """
    try:
        with open(path, "rb", opener=_patient) as file:
            status = os.fstat(file.fileno())
            body = file.read(LONGEST_SECRET + 1) if modes.S_ISREG(status.st_mode) else b""
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        way_out = "Name a file that the user who runs this can read."
        raise InputError("secret_unreadable", f"{option}: {path} cannot be read: {why}.", way_out) from None
    require_private(path, status, option=option)
    return _text(body, path, option)


def require_private(path: str, status: os.stat_result, *, option: str) -> None:
    """:raises InputError: others than its owner may use a file with a secret in it."""
    mode = modes.S_IMODE(status.st_mode)
    if mode & forbidden_mode(path):
        raise InputError(
            "secret_exposed",
            f"{option}: {path} has mode {mode:04o}, so others than its owner may use the secret in it.",
            f"Run: chmod 600 {path}. If others may have read it, have the secret changed.",
        )


def _text(body: bytes, path: str, option: str) -> str:
    try:
        found = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("secret_malformed", f"{option}: {path} is not UTF-8.", "Write the secret as text.") from None
    found = found[:-1] if found.endswith("\n") else found
    found = found[:-1] if found.endswith("\r") else found
    if not found or len(body) > LONGEST_SECRET or "\0" in found or "\n" in found:
        finding = f"{option}: {path} holds no secret: it is empty, or has more than one line."
        raise InputError("secret_malformed", finding, "Write the secret alone on its first line.")
    return found


def _folder() -> str | None:
    """What systemd.exec(5) says of LoadCredential."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return os.path.abspath(folder) if folder else None


def _patient(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)  # a named pipe must not hang us
