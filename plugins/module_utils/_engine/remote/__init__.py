# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Remote interface, and the protocols that have one.

A protocol is one file beside this one and one line in `PROTOCOLS`. Nothing is imported by a computed name: Ansible
packs only what it can see being imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from ..local.permissions import Permissions
from .api.remote import api_remote
from .folder import folder_remote
from .ftp.connection import ftp_remote
from .interface import (
    Entry,
    Features,
    Found,
    Incoming,
    Judgement,
    Outgoing,
    Parcel,
    Received,
    Remote,
    Reply,
    RequestRemote,
    Uploaded,
    entries_in,
    join,
    succeeds,
    try_look,
)
from .sftp.remote import SftpRemote

if TYPE_CHECKING:
    from ..config.accounts.account import Account

__all__ = [
    "PROTOCOLS",
    "Entry",
    "Features",
    "Found",
    "Incoming",
    "Judgement",
    "Outgoing",
    "Parcel",
    "Received",
    "Remote",
    "Reply",
    "RequestRemote",
    "Uploaded",
    "connect",
    "entries_in",
    "join",
    "succeeds",
    "try_look",
]

PROTOCOLS: Mapping[str, Callable[[Account, Permissions], Remote]] = {
    "sftp": lambda account, _permissions: SftpRemote(account),
    "ftps": ftp_remote,
    "ftp": ftp_remote,
    "folder": folder_remote,
    "amili_api": api_remote,
}


def connect(account: Account, permissions: Permissions | None = None) -> Remote:
    """A session for an account: connected, the server's key checked, the user accepted.

    :param permissions: group and mode of the files that are uploaded, where the protocol can set them.
    :raises TrustError, AuthenticationError, UnreachableError, ServerBusy: see `errors`; nothing is retried here.
    """
    return PROTOCOLS[account.protocol](account, permissions or Permissions())
