# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ensure a key pair, or predict what would be done: the one way in for the module keypair and the command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .apply import NO_BACKUP, Backup, carry_out
from .describe import NOT_YET, describe, predict
from .found import inspect
from .plan import Plan, check_possible, kept_although, make_plan
from .spec import KeyPairSpec


@dataclass(frozen=True)
class Outcome:
    """What was done, or would be; the descriptions are those of `describe` and `predict`, empty if there is no pair."""

    wanted: KeyPairSpec
    plan: Plan
    before: dict[str, str]
    after: dict[str, str]
    backup: Backup = NO_BACKUP

    @property
    def warnings(self) -> list[str]:
        found = []
        if self.plan.exposed:
            found.append(
                f"The private key {self.wanted.path} was accessible to users other than its owner. If others may have "
                "read it, replace the pair (regenerate=always), and ask the provider to remove the old public key."
            )
        if self.plan.differences:
            found.append(kept_although(self.wanted, self.plan.differences))
        return found

    @property
    def result(self) -> dict[str, Any]:
        """The result of the module; null for what is unknown before the key is generated, and without a pair."""
        after = self.after
        known = after.get("fingerprint") not in (None, NOT_YET)
        found: dict[str, Any] = {
            "changed": self.plan.changed,
            "action": self.plan.action,
            "private_key_file": self.wanted.path,
            "public_key_file": self.wanted.public_path,
            "public_key": after["public_key"] if known else None,
            "fingerprint": after["fingerprint"] if known else None,
            "type": after.get("type"),
            "bits": int(after["bits"]) if "bits" in after else None,
            "comment": after.get("comment"),
        }
        if self.backup != NO_BACKUP:
            found["backup"] = {"private_key_file": self.backup.private, "public_key_file": self.backup.public}
        return found


def ensure(wanted: KeyPairSpec, *, check: bool) -> Outcome:
    """Ensure the pair; with ``check``, only predict the outcome.

    :raises FiledropError: the pair is not as specified and may not be replaced, or the files cannot be written.
    """
    found = inspect(wanted)
    plan = make_plan(wanted, found)
    check_possible(wanted, plan)
    before = describe(found)
    if check or not plan.changed:
        return Outcome(wanted, plan, before, predict(wanted, found, plan))
    backup = carry_out(wanted, found, plan)
    return Outcome(wanted, plan, before, describe(inspect(wanted)), backup)
