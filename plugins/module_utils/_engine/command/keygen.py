# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``keygen``: make the key pair that an account's ``private_key_file`` names, and show its public key."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from ..config.options import missing
from ..errors import FiledropError
from ..keys import pair
from ..keys.spec import spec_from_options
from .console import INFO, WARNING
from .context import CommandContext
from .exit_status import WELL

FLAGS = ("type", "bits", "comment", "regenerate", "backup")

_DONE = {
    "keep": ("Kept", "Would keep"),
    "create": ("Created", "Would create"),
    "replace": ("Replaced", "Would replace"),
}
_IN_FLAGS = {
    "set regenerate to ": "use --regenerate ",
    "regenerate=": "--regenerate ",
    "Correct the options, or change path.": "Correct the flags, or private_key_file of the account.",
    "or change path.": "or change private_key_file of the account.",
    "Change path.": "Change private_key_file of the account.",
    "or correct path;": "or correct private_key_file of the account;",
    "Set path to": "Set private_key_file to",
    **{f"{flag}: ": f"--{flag}: " for flag in ("bits", "comment")},
    "Set bits": "Set --bits",
    "Remove bits": "Remove --bits",
}
"""What the errors of keys say in words of options, and its words for this command."""


def keygen(context: CommandContext, name: str, flags: Mapping[str, Any], *, dry_run: bool) -> int:
    """Ensure the key pair of an account.

    :raises InputError: the account is invalid, or has no private key file.
    """
    account = context.configuration.account(name)
    path = account.private_key_file
    if path is None:
        finding = f"The account {name} does not name a private key file"
        raise missing("private_key_file", finding, "Set it to the path of the key, or to credential:NAME.")
    try:
        wanted = spec_from_options({"path": path, "passphrase": account.passphrase, **_of_new(path), **_given(flags)})
        outcome = pair.ensure(wanted, check=dry_run)
    except FiledropError as error:
        raise type(error)(error.reason, _in_flags(error.finding), _in_flags(error.way_out)) from error
    for warning in outcome.warnings:
        context.console.log(WARNING, "key_note", _in_flags(warning), account=name)
    if outcome.plan.changed and not dry_run:
        told = {key: outcome.result[key] for key in ("action", "private_key_file", "fingerprint")}
        context.console.log(INFO, "key_pair_changed", account=name, **told)
    document = {"status": WELL, "account": name, "dry_run": dry_run, **outcome.result}
    context.console.answer(document, _in_words(outcome, dry_run))
    return WELL


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _of_new(path: str) -> dict[str, object]:
    """Return comment and owner of a new key. An existing one keeps its own.

    A key that root makes belongs to the owner of its folder, who is the user that reads the keys.
    """
    if os.path.lexists(path):
        return {}
    found: dict[str, object] = {"comment": f"filedrop@{socket.gethostname()}"}
    folder = os.path.dirname(path)
    if os.geteuid() == 0 and os.path.isdir(folder):
        status = os.stat(folder)
        found.update(owner=str(status.st_uid), group=str(status.st_gid))
    return found


def _in_flags(text: str) -> str:
    for option, flag in _IN_FLAGS.items():
        text = text.replace(option, flag)
    return text


def _in_words(outcome: pair.Outcome, dry_run: bool) -> list[str]:
    plan, result = outcome.plan, outcome.result
    done, would = _DONE[plan.action]
    amended = ""
    if plan.action == "keep" and plan.changed:
        amended = "; its comment, public key file or permissions would be changed" if dry_run else "; changed its files"
    kind = f"{result['type']}, {result['bits']} bits"
    lines = [f"{would if dry_run else done} the key pair {result['private_key_file']} ({kind}){amended}."]
    if outcome.backup.private or outcome.backup.public:
        lines.append(f"The old pair is kept: {outcome.backup.private or outcome.backup.public}.")
    if result["public_key"] is not None:
        lines += [f"Fingerprint: {result['fingerprint']}", "Public key, to register with the provider:"]
        lines.append(result["public_key"])
    return lines
