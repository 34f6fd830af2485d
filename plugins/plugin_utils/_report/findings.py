# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find in the document of a fleet what needs a person, and say it in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...module_utils._engine.command.console import count_of
from ...module_utils._engine.command.exit_status import COULD_NOT_RUN, FOR_A_PERSON, NEEDS_A_PERSON

CLOCK_LIMIT = 5.0
"""Seconds by which a host's clock may differ from the controller's."""

GROUPS = ("Not reached", "Late", "Failed", "Held", "Clock")
"""The kinds of findings, in the order in which the page shows them."""

_HELD = frozenset({"files_held", "files_blocked", *FOR_A_PERSON})
_LATE = frozenset({"overdue", "hangs", "expectation_missed", "files_stuck", "files_not_taken", "unit_failed"})
_OF_TRIGGERS = ("timer_", "path_", "service_", "cron_", "crontab_")


@dataclass(frozen=True)
class Finding:
    """Hold one thing that is wrong.

    :ivar group: one of GROUPS.
    :ivar host: the host's number in the document.
    :ivar status: the exit status that it stands for.
    """

    group: str
    host: int
    name: str
    job: str
    reason: str
    message: str
    way_out: str
    status: int = NEEDS_A_PERSON

    @property
    def needs_person(self) -> bool:
        return self.status in (COULD_NOT_RUN, NEEDS_A_PERSON)


def findings(document: Mapping[str, Any]) -> list[Finding]:
    """Return all that is wrong: by group, what needs a person first, and then as in the document."""
    found = [finding for number, host in enumerate(document["hosts"]) for finding in _of_host(number, host)]
    return sorted(found, key=lambda one: (GROUPS.index(one.group), not one.needs_person))


def headline(document: Mapping[str, Any]) -> str:
    """Return one line for people: how many hosts need a person, and how many files differ between two ends."""
    hosts = document["hosts"]
    if not hosts:
        return "There are no hosts"
    found = findings(document)
    needing = len({one.host for one in found if one.needs_person})
    if needing:
        said = f"{needing} of {count_of(len(hosts), 'host')} {'needs' if needing == 1 else 'need'} a person"
    elif found:
        said = f"No host of {len(hosts)} needs a person"
    else:
        said = "The host is well" if len(hosts) == 1 else f"All {len(hosts)} hosts are well"
    differing = sum(len(pair["differences"]) for pair in document["reconciliation"])
    if differing:
        said += f", and {count_of(differing, 'file')} {'differs' if differing == 1 else 'differ'} between two ends"
    return said


def is_seen(host: Mapping[str, Any]) -> bool:
    """Return whether the host answered for its jobs."""
    return bool(host["reached"]) and host["status"] is not None


def clock_in_words(ahead: float) -> str:
    """Format the difference of a host's clock from the controller's."""
    if abs(ahead) < 1:
        return "agrees"
    return f"{abs(ahead):,.0f} s {'ahead' if ahead > 0 else 'behind'}"


def _of_host(number: int, host: Mapping[str, Any]) -> Iterator[Finding]:
    name = host["host"]
    if not is_seen(host):
        group, reason = ("Failed", "no_answer") if host["reached"] else ("Not reached", "unreachable")
        way_out = "Mend that, and make the report again. Nothing is known of the jobs of this host."
        yield Finding(group, number, name, "", reason, host["message"], way_out)
    for job in host["jobs"]:
        for problem in job["problems"] or ():
            reason, status = problem["reason"], problem["status"]
            message, way_out = problem["message"], problem["way_out"]
            yield Finding(_group(reason), number, name, job["job"], reason, message, way_out, status)
    ahead = host["clock_ahead"]
    if ahead is not None and abs(ahead) > CLOCK_LIMIT:
        message = f"The clock of the host is {clock_in_words(ahead)} of the controller's."
        way_out = "Correct the clock that is wrong (timedatectl). Ages of files and schedules follow it."
        yield Finding("Clock", number, name, "", "clock_differs", message, way_out)


def _group(reason: str) -> str:
    if reason in _HELD:
        return "Held"
    if reason == "clock_wrong":
        return "Clock"
    return "Late" if reason in _LATE or reason.startswith(_OF_TRIGGERS) else "Failed"
