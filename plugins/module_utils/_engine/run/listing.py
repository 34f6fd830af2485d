# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List a remote folder for people and modules, without a job."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..loop.loop import Loop
from ..remote.registry import connect
from ..transfer.pickup.job_run import list_into
from .whole_keys import with_whole_keys

if TYPE_CHECKING:
    from ..config.accounts.account import Account
    from ..remote.interface import Entry


def list_folder(account: Account, remote_dir: str) -> Sequence[Entry]:
    """Return all entries of a remote folder.

    :raises JobStopped: the folder is missing, or the server refuses to list it.
    """
    entries: list[Entry] = []
    with closing(connect(with_whole_keys(account, None, keep=False))) as remote:
        Loop(remote, remote.batches).run(list_into(remote, remote_dir, entries.extend))
    return entries
