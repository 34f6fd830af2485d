# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocols by name. A protocol is one file in this folder, one function here, and one line in `PROTOCOLS`.

A protocol is imported when the first account needs it, so that a run over SFTP does not load an HTTP library. Nothing
is imported by a computed name: Ansible packs only what it can see being imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from ..local.permissions import Permissions

if TYPE_CHECKING:
    from ..config.accounts.account import Account
    from .interface import Remote


Connect = Callable[["Account", Permissions], "Remote"]


def _sftp() -> Connect:
    from .sftp.remote import SftpRemote

    return lambda account, _permissions: SftpRemote(account)


def _ftp() -> Connect:
    from .ftp.connection import ftp_remote

    return ftp_remote


def _folder() -> Connect:
    from .folder import folder_remote

    return folder_remote


def _amili_api() -> Connect:
    from .api.remote import api_remote

    return api_remote


PROTOCOLS: Mapping[str, Callable[[], Connect]] = {
    "sftp": _sftp,
    "ftps": _ftp,
    "ftp": _ftp,
    "folder": _folder,
    "amili_api": _amili_api,
}
"""By name, what imports a protocol and returns how to connect."""


def connect(account: Account, permissions: Permissions | None = None) -> Remote:
    """A session for an account: connected, the server's key checked, the user accepted.

    :param permissions: group and mode of the files that are uploaded, where the protocol can set them.
    :raises TrustError, AuthenticationError, UnreachableError, ServerBusy: see `errors`; nothing is retried here.
    """
    return PROTOCOLS[account.protocol]()(account, permissions or Permissions())
