# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring what a host has answered into its expected form. A host decides what it sends, and may have another release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....module_utils._engine.local.names import as_data

_NOTHING = type(None)
TEXT, COUNT, MAYBE_TEXT, MAYBE_COUNT, MAYBE_FLAG = (
    (str,),
    (int,),
    (str, _NOTHING),
    (int, _NOTHING),
    (bool, _NOTHING),
)

_PROBLEM = {"reason": TEXT, "message": TEXT, "way_out": TEXT, "status": COUNT}
_COUNTS = dict.fromkeys(("status", "delivered", "skipped", "waiting", "held", "failed", "bytes"), COUNT)
_RUN = {**_COUNTS, "began": TEXT, "ended": TEXT, "reason": MAYBE_TEXT, "message": MAYBE_TEXT}
_JOB = {
    "job": TEXT,
    **dict.fromkeys(("account", "direction", "schedule", "remote_dir", "waiting_since", "last_well"), MAYBE_TEXT),
    **dict.fromkeys(("enabled", "running"), MAYBE_FLAG),
    **dict.fromkeys(("status", "held", "unfinished", "waiting", "blocked", "stuck"), COUNT),
    "folders": [TEXT],
    "last_run": _RUN,
    "problems": [_PROBLEM],
}
_KEY = {"type": MAYBE_TEXT, "fingerprint": MAYBE_TEXT, "age": MAYBE_COUNT}
_KEYS = {
    "account": TEXT,
    **dict.fromkeys(("path", "stage", "next_step", "message"), MAYBE_TEXT),
    **dict.fromkeys(("key", "new", "old"), _KEY),
}
_PLACED = {
    **dict.fromkeys(("account", "path", "placed_at"), TEXT),
    "size": COUNT,
    "fetched": MAYBE_FLAG,
    "fetched_at": MAYBE_TEXT,
}
_ACCOUNT = {
    **dict.fromkeys(("account", "protocol", "host", "username"), TEXT),
    "port": COUNT,
    "host_keys": [TEXT],
}
STATUS = {
    "status": COUNT,
    "jobs": [_JOB],
    "accounts": [_ACCOUNT],
    "keys": [_KEYS],
    "placed": [_PLACED],
    "notes": [TEXT],
}
"""What a report takes from `filedrop status --json`."""


class Misshapen(Exception):
    """Say what a host has answered in another form."""


def shaped(value: Any, form: Any, where: str = "the answer") -> Any:
    """Return a value with exactly the keys of a form, each text as data. What is missing is null, or an empty list.

    :param form: a tuple of types, a list with the form of its entries, or a dictionary of forms, which may be null.
    :raises Misshapen: something has another type.
    """
    if isinstance(form, tuple):
        if type(value) not in form:
            raise Misshapen(f"{where} is {type(value).__name__}")
        return as_data(value) if isinstance(value, str) else value
    if isinstance(form, list):
        if not isinstance(value, (list, _NOTHING)):
            raise Misshapen(f"{where} is no list")
        return [shaped(entry, form[0], where) for entry in value or ()]
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Misshapen(f"{where} is no object")
    return {key: shaped(value.get(key), each, key) for key, each in form.items()}


def texts(value: Any, where: str) -> dict[str, str]:
    """Return a dictionary of texts.

    :raises Misshapen: it is something else.
    """
    if not isinstance(value, Mapping):
        raise Misshapen(f"{where} is no object")
    return {shaped(key, TEXT, where): shaped(entry, TEXT, where) for key, entry in value.items()}
