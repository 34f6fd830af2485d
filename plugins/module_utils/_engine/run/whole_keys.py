# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the whole host keys of an account that pins only fingerprints, for a transport that needs them.

The ledger keeps the key, so there is one key exchange more only once. What it keeps counts only if its fingerprint is
pinned: a ledger that somebody has changed adds no trust.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..config.accounts.account import Account
    from ..ledger.ledger import Ledger
    from ..remote.ssh.hostkeys import TrustedKeys


def with_whole_keys(account: Account, ledger: Ledger | None, *, keep: bool) -> Account:
    """Return the account with a whole key for what it pins by a fingerprint.

    :param keep: write a key that is new into the ledger.
    :raises FiledropError: there is no trusted server; see `connect.open_transport`.
    """
    if account.protocol != "sftp":
        return account
    # Only here, so that a run over another protocol loads no SSH library.
    from ..remote.ssh.connect import trusted_host_key
    from ..remote.ssh.hostkeys import TrustedKeys
    from ..remote.ssh.transports import uses_openssh

    if not uses_openssh(account):
        return account
    trusted = TrustedKeys.parse(account.host_keys, hops=[(hop.host, hop.port) for hop in account.proxy_jump])
    if not trusted.digests:
        return account
    known = ledger.host_keys(account.name) if ledger is not None else []
    lines = [line for line in known if _is_pinned(line, trusted)]
    if not lines:
        if account.proxy_jump:
            raise _needs_whole_key()
        lines = [trusted_host_key(account).line]
        if ledger is not None and keep:
            ledger.learn_host_key(account.name, lines[0])
    return replace(account, host_keys=(*account.host_keys, *lines))


def _is_pinned(line: str, trusted: TrustedKeys) -> bool:
    try:
        (key,) = trusted.parse([line]).keys
    except (InputError, ValueError):
        return False
    return trusted.trusts(key.type, key.blob)


def _needs_whole_key() -> InputError:
    return InputError(
        "host_keys_malformed",
        "host_keys pins the server by a fingerprint, and behind a hop the transport openssh needs the whole key.",
        "Add the key itself to host_keys, or set transport to paramiko.",
    )
