# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe the accounts of the jobs for ``status``: which server each is on, and who we are there. No secrets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...config.files import THIS_HOST
from ...errors import FiledropError
from ..context import CommandContext


def describe_accounts(context: CommandContext, accounts: Iterable[str]) -> list[dict[str, Any]]:
    """Describe accounts. One whose file is invalid is left out: its jobs say so. So is this host, for imports."""
    found = []
    for name in accounts:
        try:
            account = context.configuration.account_without_secrets(name)
        except FiledropError:
            continue
        if name != THIS_HOST:
            described = {key: getattr(account, key) for key in ("protocol", "host", "port", "username")}
            found.append({"account": name, **described, "host_keys": list(account.host_keys)})
    return found
