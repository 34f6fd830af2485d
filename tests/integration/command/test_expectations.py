# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is expected of a job, and who is told: `expect`, `taken_within`, `stop_above` and `notify`."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from support.command import Host
from support.desk import fill
from support.sshd import SshServer
from werkzeug import Request, Response

from .test_run import ready

TWO_HOURS_AGO = "UPDATE transfer SET changed_at = changed_at - 7200"


def write_job_long_ago(system_host: Host, name: str = "invoices") -> None:
    long_ago = time.time() - 30 * 86400
    os.utime(system_host.config / "jobs" / f"{name}.json", (long_ago, long_ago))


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def receiver(httpserver: HTTPServer, told: list[dict[str, Any]]) -> HTTPServer:
    """A real HTTP server that keeps what it was told. The first answer can be replaced by `refuse`."""

    def keep(request: Request) -> Response:
        told.append(request.get_json())
        return Response("", 204)

    httpserver.expect_request("/alarm", method="POST").respond_with_handler(keep)
    return httpserver


# --- stop_above


@pytest.mark.parametrize(("limit", "files"), [({"files": 2}, 3), ({"bytes": "30K"}, 2)], ids=["files", "bytes"])
def test_a_run_that_would_move_too_much_moves_nothing(
    system_host: Host, sshd: SshServer, limit: dict[str, object], files: int
) -> None:
    ready(system_host).dropoff(stop_above=limit)
    fill(system_host.outbox, files)
    for arguments in (["check"], ["run"]):
        ended = system_host.run(*arguments, "invoices", "--json")
        assert (ended.status, ended.document["status"]) == (3, 3)
    assert ended.document["error"]["reason"] == "stop_above"
    assert ended.document["summary"]["delivered"] == 0
    assert not os.listdir(sshd.input)
    assert "stop_above" in system_host.run("status").out
    assert system_host.run("run", "invoices", "--force").status == 0
    assert len(os.listdir(sshd.input)) == files
    assert system_host.run("status", "invoices").status == 0


def test_what_max_files_leaves_for_later_does_not_count(system_host: Host) -> None:
    ready(system_host).dropoff(stop_above={"files": 2}, max_files=2)
    fill(system_host.outbox, 5)
    assert system_host.run("run", "invoices").status == 0


def test_a_pickup_that_would_fetch_too_much_fetches_nothing(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).pickup(stop_above={"files": 1})
    for name in ("a.csv", "b.csv"):
        sshd.put(name, b"x")
    assert system_host.run("run", "reports").status == 3
    assert not os.listdir(system_host.inbox)
    assert len(os.listdir(sshd.pickup)) == 2


# --- taken_within


def test_a_file_that_nobody_takes_needs_a_person_until_it_is_taken(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(taken_within="60m")
    fill(system_host.outbox, 2)
    assert system_host.run("run", "invoices").status == 0
    assert system_host.run("run", "invoices").status == 0  # they have lain there for a moment only
    (sshd.input / "invoice-00000.xml").unlink()
    system_host.change_ledger(TWO_HOURS_AGO)
    ended = system_host.run("run", "invoices", "--json")
    assert ended.status == 3
    assert "Files that were delivered still lie on the server after 1h (taken_within): 1." in ended.document["notes"][0]
    assert "input/invoice-00001.xml" in ended.document["notes"][0]
    status = system_host.run("status", "--json")
    assert [problem["reason"] for problem in status.document["jobs"][0]["problems"]] == ["files_not_taken"]
    (sshd.input / "invoice-00001.xml").unlink()
    assert system_host.run("run", "invoices").status == 0
    files = system_host.run("history", "--json").document["files"]
    assert {(file["verified_by"], file["taken"][:2]) for file in files} == {("size", "20")}


def test_a_file_that_lies_there_is_not_forgotten(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(taken_within="60m", retention="1d")
    fill(system_host.outbox, 2)
    assert system_host.run("run", "invoices").status == 0
    (sshd.input / "invoice-00000.xml").unlink()
    system_host.change_ledger("UPDATE transfer SET changed_at = changed_at - 200000")
    assert [system_host.run("run", "invoices").status for _time in range(2)] == [3, 3]
    files = system_host.run("history", "--json").document["files"]
    assert [file["name"] for file in files] == ["invoice-00001.xml"]


def test_a_name_that_is_used_again_proves_that_the_first_file_was_taken(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(taken_within="60m")
    for _time in range(2):
        fill(system_host.outbox, 1)
        assert system_host.run("run", "invoices").status == 0
        (sshd.input / "invoice-00000.xml").unlink()
    system_host.change_ledger(TWO_HOURS_AGO)
    assert system_host.run("run", "invoices").status == 0


def test_where_nothing_can_be_seen_taken_within_is_refused(system_host: Host) -> None:
    ready(system_host).dropoff(taken_within="60m", verify="close", upload="direct")
    ended = system_host.run("run", "invoices")
    assert ended.status == 2
    assert "taken_within: '60m' needs to look whether a file was taken, but nothing" in ended.err


# --- expect


def test_a_file_that_does_not_come_needs_a_person_until_it_comes(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).pickup(expect={"files": 1, "by": "daily"})
    assert system_host.run("run", "reports").status == 0  # nothing was expected before the job was there
    write_job_long_ago(system_host, "reports")
    ended = system_host.run("run", "reports", "--json")
    assert (ended.status, ended.document["status"]) == (3, 3)
    assert [problem["reason"] for problem in ended.document["problems"]] == ["expectation_missed"]
    assert "expectation_missed: Fewer files than expected" in system_host.run("status").out
    sshd.put("late.csv", b"x")
    assert system_host.run("run", "reports").status == 0


# --- notify


def test_a_receiver_is_told_once_and_told_that_it_is_over(
    system_host: Host, sshd: SshServer, receiver: HTTPServer, told: list[dict[str, Any]]
) -> None:
    ready(system_host).dropoff(notify={"webhook": receiver.url_for("/alarm")}, stop_above={"files": 1})
    fill(system_host.outbox, 2)
    for _time in range(3):
        assert system_host.run("run", "invoices").status == 3
        system_host.run("status", "--notify")
    assert [(each["event"], each["reason"], each["job"]) for each in told] == [("problem", "stop_above", "invoices")]
    assert told[0]["status"] == 3
    assert told[0]["message"].startswith("The run of ")
    assert told[0]["way_out"]
    assert system_host.run("run", "invoices", "--force").status == 0
    assert system_host.run("run", "invoices").status == 0
    assert [each["event"] for each in told] == ["problem", "all_clear"]


def test_a_receiver_that_is_down_is_told_later(
    system_host: Host, receiver: HTTPServer, told: list[dict[str, Any]]
) -> None:
    url = receiver.url_for("/alarm")
    ready(system_host).dropoff(notify={"webhook": url.replace("/alarm", "/elsewhere")}, stop_above={"files": 1})
    fill(system_host.outbox, 2)
    ended = system_host.run("run", "invoices", "--json")
    assert ended.status == 3
    assert "was not told of stop_above (problem): the webhook answers 500" in ended.document["notes"][-1]
    system_host.dropoff(notify={"webhook": url}, stop_above={"files": 1})
    system_host.run("status", "--notify")
    assert [each["event"] for each in told] == ["problem"]


def test_a_redirect_is_not_followed(system_host: Host, receiver: HTTPServer, told: list[dict[str, Any]]) -> None:
    moved = Response("", 307, {"Location": receiver.url_for("/alarm")})
    receiver.expect_request("/moved").respond_with_response(moved)
    ready(system_host).dropoff(notify={"webhook": receiver.url_for("/moved")}, stop_above={"files": 1})
    fill(system_host.outbox, 2)
    assert "answers 307" in system_host.run("run", "invoices").out
    assert not told


def test_a_program_gets_the_event_and_may_refuse_it(system_host: Host, tmp_path: Path) -> None:
    program = tmp_path / "alarm"
    program.write_text(
        f"#!/bin/sh\ncat > {tmp_path}/event.json\n[ ! -e {tmp_path}/refuse ] || {{ echo no >&2; exit 7; }}\n"
    )
    program.chmod(stat.S_IRWXU | stat.S_IXOTH | stat.S_IROTH)
    (tmp_path / "refuse").touch()
    ready(system_host).dropoff(notify={"command": [str(program)]}, stop_above={"files": 1})
    fill(system_host.outbox, 2)
    assert "has ended with status 7: no." in system_host.run("run", "invoices").out
    (tmp_path / "refuse").unlink()
    system_host.run("run", "invoices")
    assert json.loads((tmp_path / "event.json").read_text())["reason"] == "stop_above"
    (tmp_path / "event.json").unlink()
    system_host.run("run", "invoices")
    assert not (tmp_path / "event.json").exists()


def test_a_run_does_not_say_that_a_late_job_is_well(
    system_host: Host, receiver: HTTPServer, told: list[dict[str, Any]]
) -> None:
    ready(system_host).dropoff(notify={"webhook": receiver.url_for("/alarm")}, every="15m")
    write_job_long_ago(system_host)
    system_host.run("status", "--notify")
    assert [(each["event"], each["reason"]) for each in told] == [("problem", "overdue")]
    assert system_host.run("run", "invoices").status == 0
    assert len(told) == 1
    system_host.run("status", "--notify")
    assert [each["event"] for each in told] == ["problem", "all_clear"]
