# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose what carries SSH for an account: paramiko, in this process, or the system's ``ssh``."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import InputError
from .connect import open_transport
from .connection import SshConnection
from .handshake import WEAK
from .openssh import OLDEST, OpenSshConnection, openssh_release
from .openssh_config import why_not

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from ..channel import Connection

_release = functools.lru_cache(maxsize=1)(openssh_release)


def open_connection(account: Account) -> Connection:
    """Connect, check the host key, log in. The caller closes.

    :raises InputError: the account cannot have the transport that it asks for.
    :raises FiledropError: see `connect.open_transport`.
    """
    if uses_openssh(account):
        return OpenSshConnection(account)
    return SshConnection(open_transport(account), timeout=account.timeout)


def uses_openssh(account: Account) -> bool:
    """Return whether the system's ssh carries the connection.

    :raises InputError: the account asks for that, and cannot have it.
    """
    if account.protocol != "sftp" or account.transport == "paramiko":
        return False
    obstacle = why_not(account) or _why_no_ssh()
    if obstacle is not None and account.transport == "openssh":
        raise InputError(
            "transport_unusable",
            f"transport: the account {account.name} cannot use openssh: {obstacle}.",
            "Set transport to paramiko, or to auto.",
        )
    return obstacle is None


def security_of(account: Account, algorithms: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what carries the connection, whether its key exchange is post-quantum, and which algorithms are weak.

    :param algorithms: those that were agreed on.
    """
    return {
        "transport": "openssh" if uses_openssh(account) else "paramiko",
        "post_quantum": bool(_POST_QUANTUM.search(algorithms.get("kex", ""))),
        "weak": sorted({name for name in algorithms.values() if WEAK.search(name) and not name.startswith("rsa-sha2")}),
    }


_POST_QUANTUM = re.compile(r"sntrup|mlkem|kyber")


def _why_no_ssh() -> str | None:
    release = _release()
    if release is None:
        return "there is no ssh of OpenSSH on this host"
    if release < OLDEST:
        return f"ssh is OpenSSH {release[0]}.{release[1]}, and {OLDEST[0]}.{OLDEST[1]} is needed"
    return None
