# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the file that keeps the token of an account between runs: beside the ledger, for the ledger's user only."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.accounts.account import Account


def with_token_file(account: Account, ledger: str | None) -> Account:
    """Return the account with its file for a token, if it has tokens.

    :param ledger: the path of the ledger; None to keep no token.
    """
    if account.protocol != "amili_api" or ledger is None:
        return account
    which = hashlib.sha256(f"{account.name}\0{account.api.token_url}".encode()).hexdigest()[:16]
    return replace(account, token_file=f"{ledger}.token-{which}")
