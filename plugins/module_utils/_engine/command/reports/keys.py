# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Describe the key of each account for ``status``: its age, its stage, and what is next."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from ...errors import FiledropError
from ...keys.rotation import STAGES, look
from ..console import count_of
from ..context import CommandContext

_BY_HAND = "To replace it, make another one (filedrop keygen), and let the provider register it first."


def describe_keys(context: CommandContext, accounts: Iterable[str]) -> list[dict[str, Any]]:
    """Describe the keys of accounts. What this user may not read has a message in place of a stage.

    An account without a private key is left out, and so is one whose file is invalid: its jobs say so.
    """
    found = []
    for account in accounts:
        try:
            path, is_ours = context.configuration.private_key_file(account)
        except FiledropError:
            continue
        if path is not None:
            found.append({"account": account, "path": path, **_described(path, is_ours=is_ours)})
    return found


def _described(path: str, *, is_ours: bool) -> dict[str, Any]:
    """:param is_ours: the key is in the configuration's folder of keys, in which keys are rotated."""
    try:
        described = look(path).as_dict(time.time())
    except FiledropError as error:
        return {"stage": None, "key": None, "next_step": None, "message": str(error)}
    if described["stage"] == "current" and not is_ours:
        described["next_step"] = _BY_HAND
    return {**described, "message": ""}


def key_line(described: dict[str, Any]) -> str:
    """Return a line about the key of one account."""
    begin = f"key of {described['account']}:"
    if described["stage"] is None:
        return f"{begin} unknown. {described['message']}"
    key, new = described["key"], described["new"]
    what = f" {count_of(key['age'], 'day')} old, {key['type']} {key['fingerprint']}." if key else ""
    beside = f" ({new['fingerprint']})" if new else ""
    means = STAGES[described["stage"]].means
    return f"{begin}{what} {means[:-1]}{beside}. {described['next_step']}"
