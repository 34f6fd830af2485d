# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert the options of the module ``sandbox`` to settings. Pure, so check mode and diff show what would be done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._engine.errors import InputError
from . import catalogue
from .accounts import Account, account, by_name
from .billit import Habits
from .state import PROTOCOLS, Settings

_DEFAULT = Settings(accounts=())
_DAY = 86400.0
_MONTH = 30 * _DAY


def wanted(options: Mapping[str, Any], before: Settings | None) -> Settings:
    """Return the settings for these options. Options that are not given keep their earlier values.

    :raises InputError: a value is invalid, or there is no account at all.
    """
    known = before or _DEFAULT
    port = known.port if options["port"] is None else options["port"]
    if port is not None and not 1 <= port <= 65535:
        raise InputError("port_invalid", f"port: {port} is out of range.", "Set it to a number from 1 to 65535.")
    accounts = _accounts(options["accounts"], known)
    faults = known.faults
    if options.get("faults") is not None:
        faults = tuple(catalogue.from_data(one) for one in options["faults"])
    catalogue.check_accounts(faults, accounts)
    return Settings(
        accounts=accounts,
        port=port,
        lifetime=_seconds("lifetime", options["lifetime"], known.lifetime, least=1.0, most=_MONTH),
        import_delay=_seconds("import_delay", options["import_delay"], known.import_delay, least=0.0, most=_DAY),
        faults=faults,
        protocols=_protocols(options["protocols"], known),
    )


def diff_state(settings: Settings | None, *, started: bool, before: Settings | None = None) -> dict[str, Any]:
    """Return one side of the diff. For a password, show only whether there is one, and whether it has changed."""
    if settings is None:
        return {"state": "absent"}
    earlier = {one.username: one.password for one in before.accounts} if before is not None else {}
    return {
        "state": "started" if started else "stopped",
        "port": settings.port,
        "protocols": ["sftp", *settings.protocols],
        "lifetime": settings.lifetime,
        "import_delay": settings.import_delay,
        "faults": [one.to_data() for one in settings.faults],
        "accounts": [
            {
                "username": one.username,
                "public_keys": list(one.public_keys),
                "password": _password_shown(one.password, earlier.get(one.username)),
                **({} if one.billit is None else {"billit": asdict(one.billit)}),
            }
            for one in settings.accounts
        ],
    }


def _protocols(options: list[str] | None, known: Settings) -> tuple[str, ...]:
    """Return what is served besides SFTP, in a fixed order."""
    return known.protocols if options is None else tuple(name for name in PROTOCOLS if name in options)


def _password_shown(hashed: str | None, earlier: str | None) -> str:
    if hashed is None:
        return "none"
    return "set" if earlier in (None, hashed) else "changed"


def _accounts(options: list[dict[str, Any]] | None, known: Settings) -> tuple[Account, ...]:
    if options is None:
        accounts = known.accounts
    else:
        earlier = by_name(known.accounts)
        accounts = tuple(
            account(
                one["username"],
                public_keys=one["public_keys"] or (),
                password=one["password"],
                billit=_habits(one.get("billit")),
                known=earlier.get(one["username"]),
            )
            for one in options
        )
        by_name(accounts)
    if not accounts:
        raise InputError(
            "no_accounts",
            "The sandbox has no accounts, so nobody could log in.",
            "Set at least one in accounts, with the public key that its client will use.",
        )
    return accounts


def _habits(options: Mapping[str, Any] | None) -> Habits | None:
    if options is None:
        return None
    every = _seconds("poll_every", options["poll_every"], 0.0, least=0.0, most=_DAY)
    return Habits(every, options["require_pdf"], options["after"])


def _seconds(name: str, value: float | None, known: float, *, least: float, most: float) -> float:
    if value is None:
        return known
    if not (math.isfinite(value) and least <= value <= most):
        raise InputError(
            f"{name}_invalid",
            f"{name}: {value:g} seconds is out of range.",
            f"Set it to a number from {least:g} to {most:g}, or remove it.",
        )
    return value
