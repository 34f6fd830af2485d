# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find and read an account's secrets when they are in files of their own, readable by nobody else.

``credential:NAME`` refers to the credential NAME that systemd passes to a unit (LoadCredential). If there is none (a
run by hand or by cron), it refers to the file NAME in the configuration's keys folder. So one account file serves both.
"""

from __future__ import annotations

import os
import re
import stat as modes

from ...errors import InputError
from ...text import in_utf8
from ..options import shown

REFERENCE = "credential:"
LONGEST_SECRET = 4096  # bytes
_HANDED_OVER = (
    "Run this as root, or as the owner of the file. Or start the job, unless it is by_hand: systemctl start "
    "filedrop@JOB.service."
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")


def resolve_reference(reference: str, keys: str, *, option: str) -> str:
    """Return the path that a reference points to. A plain path is returned as it is.

    :param keys: the folder of the configuration's keys.
    :raises InputError: the name of the credential is invalid.
    """
    if not reference.startswith(REFERENCE):
        return reference
    name = reference[len(REFERENCE) :]
    if not _NAME.fullmatch(name):
        raise InputError(
            "option_invalid",
            f"{option}: {shown(option, reference)} is not a valid credential name.",
            f"Write {REFERENCE} and the name of a file in {keys}, such as {REFERENCE}amili.",
        )
    handed_over = os.path.join(_folder() or "/nonexistent", name)
    return handed_over if os.path.exists(handed_over) else os.path.join(keys, name)


def require_reachable(path: str, *, option: str) -> None:
    """:raises InputError: this user may not use the folder of a secret, so systemd has to pass it to the job."""
    try:
        os.stat(path)
    except PermissionError:
        reason = "key_unreadable" if option == "private_key_file" else "secret_unreadable"
        raise InputError(reason, f"{option}: {path} cannot be read: permission denied.", _HANDED_OVER) from None
    except OSError:
        pass  # reading it fails as well, and tells why


def forbidden_mode(path: str) -> int:
    """Return the permission bits that the file of a secret must not have.

    A credential passed by systemd may look readable by its group. The unit's user has access by an ACL, and the mask of
    an ACL is shown in place of the group's permissions.
    """
    folder = _folder()
    return 0o037 if folder is not None and os.path.dirname(os.path.abspath(path)) == folder else 0o077


def read_secret(path: str, *, option: str) -> str:
    """Read a password or passphrase from a file, without the line break at its end and a byte order mark.

    :raises InputError: the file is missing or unusable, or others can read it. The error never contains the content.
    """
    try:
        with open(path, "rb", opener=_open_nonblocking) as file:
            status = os.fstat(file.fileno())
            body = file.read(LONGEST_SECRET + 1) if modes.S_ISREG(status.st_mode) else b""
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        way_out = "Set it to a file that the user of this run can read."
        raise InputError("secret_unreadable", f"{option}: {path} cannot be read: {why}.", way_out) from None
    require_private(path, status, option=option)
    return _text(body, path, option)


def require_private(path: str, status: os.stat_result, *, option: str) -> None:
    """:raises InputError: others than the owner can use this file with a secret."""
    mode = modes.S_IMODE(status.st_mode)
    if mode & forbidden_mode(path):
        raise InputError(
            "secret_exposed",
            f"{option}: {path} has mode {mode:04o}, so users other than its owner can use the secret in it.",
            f"Run: chmod 600 {path}. If others may have read it, replace the secret.",
        )


def _text(body: bytes, path: str, option: str) -> str:
    try:
        found = in_utf8(body).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("secret_malformed", f"{option}: {path} is not UTF-8.", "Write the secret as text.") from None
    found = found[:-1] if found.endswith("\n") else found
    found = found[:-1] if found.endswith("\r") else found
    if not found or len(body) > LONGEST_SECRET or "\0" in found or "\n" in found:
        finding = f"{option}: {path} contains no valid secret: it is empty, or has more than one line."
        raise InputError("secret_malformed", finding, "Write only the secret, on the first line.")
    return found


def _folder() -> str | None:
    """Return the folder of the unit's credentials (systemd.exec(5), LoadCredential); None outside of a unit."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return os.path.abspath(folder) if folder else None


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)  # do not block if the path is a named pipe
