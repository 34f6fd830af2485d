# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work as the user that a ledger belongs to.

Whoever can change a ledger, or replace a folder above it, decides what its rows say and where SQLite writes. So root
does not use the ledger of another user with its own permissions, and leaves no files that this user cannot use.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import InputError
from ..local.identity import as_user, user_name
from ..local.walk import Way, way_to
from .database import ledger_error

_OTHERS_WRITE = modes.S_IWGRP | modes.S_IWOTH
_OTHERS_ENTER = modes.S_IXGRP | modes.S_IXOTH


@contextmanager
def as_owner(ledger: str, *, reading: bool = False) -> Iterator[None]:
    """If we are root, and the ledger belongs to another user, be that user while the block runs.

    Files, locks and processes of the block are then this user's. The whole process changes, with all its threads.

    :param reading: nothing is written. Then root may read a ledger that only root can reach.
    :raises InputError: ``wrong_user``: it cannot be told to whom the ledger belongs, or that user cannot reach it.
    :raises LedgerError: a folder above the ledger cannot be entered.
    """
    try:
        owner = None if os.geteuid() != 0 else owner_of(ledger)
    except OSError as error:
        raise ledger_error(ledger, error) from error
    if owner is None:
        yield
        return
    name, folder = user_name(owner), os.path.dirname(_existing_part(ledger).path)
    with as_user(owner) as became:
        if became and os.access(folder, os.X_OK, effective_ids=True):
            yield
            return
    if not reading:
        trouble = f"who cannot reach {folder!r}" if became else "whom root cannot become on this host"
        raise _wrong_user(ledger, f"belongs to {name}, {trouble}", name)
    yield


def owner_of(ledger: str) -> int | None:
    """Return the number of the user other than root who can change a ledger or a folder above it; None if only root.

    :raises InputError: ``wrong_user``: several users can.
    :raises OSError: a folder above the ledger cannot be entered.
    """
    way = _existing_part(ledger)
    owners = {status.st_uid for status in (*way.folders, way.status) if status is not None} - {0}
    if len(owners) > 1:
        raise _wrong_user(ledger, f"can be changed by several users: {', '.join(map(user_name, sorted(owners)))}")
    if not owners and _is_open_to_others(way.folders):
        raise _wrong_user(ledger, "is in a folder that other users can write")
    return owners.pop() if owners else None


def _existing_part(path: str) -> Way:
    while True:
        try:
            return way_to(path)
        except FileNotFoundError:
            path = os.path.dirname(os.path.abspath(path))


def _is_open_to_others(folders: Sequence[os.stat_result]) -> bool:
    """Return whether others can replace something on a way through folders of root, or add a file at its end."""
    for folder in folders:
        is_sticky = folder.st_mode & modes.S_ISVTX and folder is not folders[-1]
        if folder.st_mode & _OTHERS_WRITE and not is_sticky:
            return True
        if not folder.st_mode & _OTHERS_ENTER:
            return False  # nobody gets further
    return False


def _wrong_user(ledger: str, finding: str, user: str = "the user of the jobs") -> InputError:
    way_out = f"Run this as {user} (sudo -u), or use a ledger that belongs to root."
    return InputError("wrong_user", f"The ledger {ledger!r} {finding}. Root does not use it.", way_out)
