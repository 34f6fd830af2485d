# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What needs a person, and the line that says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.findings import findings, headline
from support.fleet_document import fleet_document, nothing


def _problem(reason: str, status: int) -> dict[str, Any]:
    return {"reason": reason, "message": "It is so.", "way_out": "Do it.", "status": status}


@pytest.mark.parametrize(
    ("plant", "group", "said"),
    [
        (dict.copy, None, "All 3 hosts are well"),
        (lambda host: host.update(reached=False, status=None, message="no route"), "Not reached", "1 of 3 hosts needs"),
        (lambda host: host.update(status=None, message="no filedrop"), "Failed", "1 of 3 hosts needs a person"),
        (lambda host: host.update(clock_ahead=-6.0), "Clock", "1 of 3 hosts needs a person"),
        (lambda host: host.update(clock_ahead=None), None, "All 3 hosts are well"),
        (
            lambda host: host["jobs"][0]["problems"].append(_problem("overdue", 3)),
            "Late",
            "1 of 3 hosts needs a person",
        ),
        (lambda host: host["jobs"][0]["problems"].append(_problem("timer_masked", 3)), "Late", "1 of 3 hosts needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("files_not_taken", 3)), "Late", "1 of 3 hosts needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("stop_above", 3)), "Held", "1 of 3 hosts needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("unreachable", 2)), "Failed", "1 of 3 hosts needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("files_failed", 1)), "Failed", "No host of 3 needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("clock_wrong", 3)), "Clock", "1 of 3 hosts needs"),
        (lambda host: host["jobs"][0]["problems"].append(_problem("new_reason", 9)), "Failed", "No host of 3 needs"),
    ],
)
def test_each_problem_has_its_group(plant: Callable[[dict[str, Any]], None], group: str | None, said: str) -> None:
    document = fleet_document(3, 9, planted=False)
    plant(document["hosts"][1])
    assert [one.group for one in findings(document)] == ([group] if group else [])
    assert headline(document).startswith(said)


def test_in_a_group_those_that_need_a_person_come_first() -> None:
    document = fleet_document(3, 9, planted=False)
    for number, status in enumerate((1, 3, 2)):
        document["hosts"][number]["jobs"][0]["problems"].append(_problem("failing", status))
    assert [one.status for one in findings(document)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("hosts", "planted", "said"),
    [
        (1, False, "The host is well"),
        (1, True, "1 of 1 host needs a person"),
        (5, True, "4 of 5 hosts need a person, and 3 files differ between two ends"),
    ],
)
def test_headline(hosts: int, planted: bool, said: str) -> None:
    assert headline(fleet_document(hosts, 9, planted=planted)) == said


def test_headline_of_nothing() -> None:
    assert headline(nothing()) == "There are no hosts"
