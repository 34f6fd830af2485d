# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the rows of the page's tables from the document of a fleet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils._engine.command.exit_status import COULD_NOT_RUN, NEEDS_A_PERSON
from ...module_utils._engine.config.files import THIS_HOST
from .findings import Finding, is_seen

MOST = 200
"""The number of files in a table of plain HTML. Of the others the page has the number, and its table of all files."""

STAGES = ("verified_by", "taken", "accepted_by")
"""The columns of files that show how far a delivered file has come. The last one may be missing."""


def minute(moment: str | None) -> str:
    """Format a time of the document (ISO 8601, UTC) for people."""
    return "" if not moment else moment.replace("T", " ").removesuffix("Z")[:16]


def day(moment: str) -> str:
    return moment[:10]


@dataclass
class Totals:
    """Count the files of a day or of an account.

    :ivar others: those that are not delivered.
    :ivar proved: delivered files of which something showed that the copy is complete.
    :ivar taken: delivered files that were seen to be gone from the server.
    :ivar accepted: delivered files that the receiver said it has processed.
    """

    delivered: int = 0
    bytes: int = 0
    others: int = 0
    proved: int = 0
    taken: int = 0
    accepted: int = 0
    latest: str = ""

    def add(self, outcome: str, size: int | None, changed: str, *stages: str | None) -> None:
        """Count a file. Its stages are what it is proved, taken and accepted by or at; None if it is not."""
        if outcome != "delivered":
            self.others += 1
            return
        proved, taken, accepted = stages
        self.delivered += 1
        self.bytes += size or 0
        self.proved += bool(proved)
        self.taken += bool(taken)
        self.accepted += bool(accepted)
        self.latest = max(self.latest, changed)


@dataclass
class Files:
    """Hold the table of files, and what its rows add up to.

    :ivar rows: each file as a mapping, of those that are not delivered.
    """

    number: int = 0
    bytes: int = 0
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    days: dict[str, Totals] = field(default_factory=dict)
    accounts: dict[str, Totals] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Mapping[str, Any]) -> Files:
        found, columns = cls(number=len(files["rows"])), files["columns"]
        account_at, outcome_at, size_at, changed_at = map(columns.index, ("account", "outcome", "size", "changed"))
        stages_at = [columns.index(name) if name in columns else None for name in STAGES]
        for row in files["rows"]:
            account, outcome, size, changed = row[account_at], row[outcome_at], row[size_at], row[changed_at]
            stages = [None if at is None else row[at] for at in stages_at]
            found.days.setdefault(day(changed), Totals()).add(outcome, size, changed, *stages)
            found.accounts.setdefault(account, Totals()).add(outcome, size, changed, *stages)
            if outcome != "delivered":
                found.rows.append(dict(zip(columns, row)))
        found.bytes = sum(totals.bytes for totals in found.days.values())
        return found

    def by_day(self) -> list[tuple[str, Totals]]:
        """Return the days that have files, the latest first."""
        return sorted(self.days.items(), reverse=True)

    def not_delivered(self) -> list[Mapping[str, Any]]:
        """Return these files: what is held or rejected first, then what waits, then what a person has given up."""
        order = ("held", "rejected", "unfinished", "waiting")
        return sorted(self.rows, key=lambda row: order.index(row["outcome"]) if row["outcome"] in order else len(order))


def hosts(document: Mapping[str, Any], found: Sequence[Finding]) -> list[Mapping[str, Any]]:
    """Return the hosts. Those that need a person come first."""
    number_of = Counter(one.host for one in found)
    needing = {one.host for one in found if one.needs_person}
    rows = []
    for number, host in enumerate(document["hosts"]):
        status = host["status"] if is_seen(host) else None
        state = NEEDS_A_PERSON if status is not None and number in needing and status != COULD_NOT_RUN else status
        rows.append({**host, "number": number, "state": state, "findings": number_of[number]})
    return sorted(rows, key=lambda row: row["number"] not in needing)


def jobs(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the jobs of all hosts, each with its host and with what it does now."""
    return [
        {**job, "host": host["host"], "now": ", ".join(_now(job)), "result": _result(job["last_run"])}
        for host in document["hosts"]
        for job in host["jobs"]
    ]


def _now(job: Mapping[str, Any]) -> Iterator[str]:
    if job["running"]:
        yield "running"
    for name in ("held", "unfinished", "waiting"):
        if job[name]:
            yield f"{job[name]:,} {name}"


def _result(run: Mapping[str, Any] | None) -> str:
    if run is None:
        return "never ran"
    counts = (f"{run[name]:,} {name}" for name in ("delivered", "waiting", "held", "failed") if run[name])
    return str(run["reason"] or ", ".join(counts) or "nothing to do")


def keys(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the keys of all hosts, the oldest first. A key of which nothing is known comes before them."""
    found = [{**key, "host": host["host"]} for host in document["hosts"] for key in host["keys"]]
    return sorted(found, key=_age, reverse=True)


def _age(key: Mapping[str, Any]) -> float:
    return math.inf if key["key"] is None else key["key"]["age"] or 0


def lying(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was placed for partners and not fetched yet, the oldest first."""
    found = [
        {**one, "host": host["host"]} for host in document["hosts"] for one in host["placed"] if not one["fetched"]
    ]
    return sorted(found, key=lambda one: str(one["placed_at"]))


def accounts(document: Mapping[str, Any], files: Files) -> list[Mapping[str, Any]]:
    """Return the accounts by name. What has no account of a provider (imports) comes last."""
    found: dict[str, dict[str, Any]] = {}
    for host in document["hosts"]:
        for job in host["jobs"]:
            row = found.setdefault(job["account"] or "", {"hosts": set(), "jobs": 0, "bad": 0})
            row["hosts"].add(host["host"])
            row["jobs"] += 1
            row["bad"] += bool(job["problems"])
    for name in files.accounts:
        found.setdefault(name, {"hosts": set(), "jobs": 0, "bad": 0})
    return [
        {"account": name, "totals": files.accounts.get(name, Totals()), **row, "hosts": len(row["hosts"])}
        for name, row in sorted(found.items(), key=lambda one: (one[0] in ("", THIS_HOST), one[0]))
    ]
