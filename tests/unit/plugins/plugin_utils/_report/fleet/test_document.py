# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._report import File, unpacked
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet import document as documents
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet.asking import (
    answer_of,
    clock_ahead,
    wanted,
)
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet.document import (
    Answer,
    Period,
    document_of,
    without_times,
)
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

PERIOD = Period(now=1_796_000_000.0, since="2026-11-18T11:06:40Z")
JOB: dict[str, Any] = {
    **dict(zip(("job", "account", "direction", "schedule"), ("invoices", "amili", "dropoff", "every 15m"))),
    **dict.fromkeys(("status", "held", "unfinished", "waiting", "blocked", "stuck"), 0),
    "enabled": True,
    "running": False,
    "last_run": None,
    "problems": [],
}


def row(name: str = "one.xml", **more: Any) -> list[Any]:
    cells = ("invoices", "amili", "dropoff", "delivered", "", name, 5, "2026-11-20T09:15:02Z", "/out", f"input/{name}")
    return list(File(*cells, "", "5a", "size", *(None,) * 6)._replace(**more))


def answer(rows: list[Any] | None = None, **more: Any) -> Answer:
    rows = [row()] if rows is None else rows
    status = {"status": 0, "jobs": [JOB], "accounts": [], "keys": [], "placed": [], "notes": []}
    about = {"message": "", "version": "1.0.0", "status": status, "counts": {"delivered": len(rows)}, "server": {}}
    return Answer("erp1", answer={**about, "rows": rows, **more})


def test_a_document_has_what_a_host_tells() -> None:
    found = document_of([answer(), Answer("gone", reached=False, message="no route")], PERIOD, limit="erp*")
    assert (found["since"], found["limit"]) == ("2026-11-18T11:06:40Z", "erp*")
    erp, gone = found["hosts"]
    assert (erp["status"], erp["message"], erp["counts"], erp["left_out"]) == (0, "", {"delivered": 1}, 0)
    assert {key: erp["jobs"][0][key] for key in JOB} == JOB
    assert (gone["reached"], gone["status"], gone["message"], gone["jobs"]) == (False, None, "no route", [])
    assert found["files"]["rows"] == [["erp1", *row()[:-1]]]
    assert found["files"]["columns"] == [
        *("host", "job", "account", "direction", "outcome", "reason", "name", "size", "changed", "folder"),
        *(
            "remote_path",
            "local_path",
            "sha256",
            "verified_by",
            "taken",
            "accepted",
            "accepted_by",
            "file_id",
            "request",
        ),
    ]


def broken(*path: str | int, value: Any) -> Answer:
    found = json.loads(json.dumps(answer().answer))
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return Answer("erp1", answer=found)


@pytest.mark.parametrize(
    "hostile",
    [
        Answer("erp1", answer=[]),
        broken("status", value="well"),
        broken("status", "jobs", value={"a": 1}),
        broken("status", "jobs", value=["invoices"]),
        broken("status", "jobs", 0, "problems", value=[{"reason": "x"}]),
        broken("status", "jobs", 0, "last_run", value={"status": 0}),
        broken("status", "accounts", value=[{"account": "a"}]),
        broken("status", "notes", value=[None]),
        broken("counts", value={"delivered": "12"}),
        broken("rows", value=[[]]),
        broken("rows", value=[1]),
        broken("rows", 0, 6, value="5"),
        broken("rows", 0, 7, value=None),
        broken("server", value=[]),
        broken("server", value={"accounts": {"a": 1}}),
        broken("message", value=None),
    ],
)
def test_an_answer_of_another_form_is_a_message_of_that_host(hostile: Answer) -> None:
    found = document_of([hostile, answer()], PERIOD)
    assert "is not of the expected form" in found["hosts"][0]["message"]
    assert (found["hosts"][0]["status"], found["hosts"][1]["status"]) == (None, 0)


def test_an_older_release_tells_less() -> None:
    old = answer()
    del old.answer["status"]["accounts"]
    old.answer["rows"] = [row(verified_by=None, taken=None)]
    (host,) = document_of([old], PERIOD)["hosts"]
    assert (host["message"], host["jobs"][0]["remote_dir"], host["jobs"][0]["folders"]) == ("", None, [])


def test_each_text_can_be_written() -> None:
    found = document_of(
        [answer([row("a\udcff\x1b[31m\n")]), Answer("h\udce9", message="\udce9\0")], PERIOD, limit="\udce9"
    )
    json.dumps(found, ensure_ascii=False).encode()
    assert "\x1b" not in found["files"]["rows"][0][6]


def test_a_history_that_failed_is_a_note_beside_the_jobs() -> None:
    (host,) = document_of([answer([], message="the ledger is busy")], PERIOD)["hosts"]
    assert (host["status"], host["message"], host["notes"]) == (0, "", ["the ledger is busy"])


def test_a_host_with_two_names_is_compared_once() -> None:
    first, second = document_of([answer(), replace(answer(), host="alias"), answer([]), answer([])], PERIOD)["hosts"][
        :2
    ]
    assert first["notes"] == []
    assert "This seems to be the host erp1 under another name" in second["notes"][0]


def test_too_many_files_are_left_out_where_there_are_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_FILES", 10)
    many = [answer([row(changed=f"2026-11-20T09:{number:02}:00Z") for number in range(count)]) for count in (2, 40, 3)]
    found = document_of(many, PERIOD)
    assert [host["left_out"] for host in found["hosts"]] == [0, 35, 0]
    changed = [cells[8] for cells in found["files"]["rows"]]
    assert (len(changed), changed) == (10, sorted(changed, reverse=True))


def test_two_reports_are_equal_if_nothing_has_happened() -> None:
    later = Period(PERIOD.now + 60, "2026-11-18T11:07:40Z")
    first, second = document_of([answer()], PERIOD), document_of([answer()], later)
    assert first != second
    assert without_times(first) == without_times(second)
    assert without_times(first) != without_times(document_of([answer([row("two.xml")])], PERIOD))


@pytest.mark.parametrize(
    ("began", "ended", "ahead"),
    [
        (100.5, 101.0, 0.0),
        (3700.5, 3701.0, 3599.0),
        (40.0, 41.0, -60.0),
        (float("nan"), 101.0, None),
        ("now", 101.0, None),
    ],
)
def test_a_clock_is_ahead_by_what_can_be_shown(began: Any, ended: Any, ahead: float | None) -> None:
    assert clock_ahead(began, ended, 100.0, 102.0) == ahead


@pytest.mark.parametrize(
    "body",
    [b"no base64!", base64.b64encode(b"not compressed"), base64.b64encode(zlib.compress(b"{" * 200_000))],
)
def test_an_answer_that_cannot_be_read_is_a_message(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "kept").write_bytes(body)
    found = answer_of("erp1", {}, str(tmp_path / "kept"))
    assert (found.reached, found.answer) == (True, None)
    assert "cannot be read" in found.message


def test_an_answer_that_is_too_large_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="too large"):
        unpacked(base64.b64encode(zlib.compress(b" " * 10_000)).decode(), 1000)


@pytest.mark.parametrize(
    ("result", "reached", "message"),
    [
        ({"unreachable": True, "msg": "Task failed: Cannot\nconnect"}, False, "Cannot connect"),
        ({"failed": True, "msg": "MODULE FAILURE", "module_stderr": "x\nsudo: no\n"}, True, "MODULE FAILURE sudo: no"),
        ({}, True, "Ansible has no result of this host."),
    ],
)
def test_what_ansible_says_of_a_host(result: dict[str, Any], reached: bool, message: str) -> None:
    found = answer_of("erp1", result, "/nowhere")
    assert (found.reached, found.message) == (reached, message)


def test_unknown_variables_do_not_keep_a_report_from_being_made() -> None:
    given = {"filedrop_report_since": "2026-11-01", "filedrop_report_files": "500", "filedrop_acounts": {}}
    variables = Variables(given, given.__getitem__)
    found = wanted(variables, PERIOD.now)
    assert (found.files, found.since) == (500, "2026-11-01T00:00:00Z")
    assert len(variables.problems) == 1


@pytest.mark.parametrize(("hosts", "files"), [(1, 10_000), (30, 10_000), (100, 3000), (5000, 1000)])
def test_many_hosts_send_fewer_files_each(hosts: int, files: int) -> None:
    assert wanted(Variables({}, dict[str, str]().__getitem__), PERIOD.now, hosts).files == files
