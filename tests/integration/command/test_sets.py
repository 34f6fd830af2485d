# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exit statuses of runs with files that belong together."""

from __future__ import annotations

import pytest
from support.command import Ended, Host
from support.sshd import SshServer

from .test_run import ready

PAIR = ["*.pdf", "*.xml"]


def told(ended: Ended) -> dict[str, str]:
    return {file["name"]: file["reason"] for file in ended.document["files"]}


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_a_set_that_waits_is_well_until_max_age_and_a_taken_name_is_not(
    host: Host, sshd: SshServer, direction: str
) -> None:
    is_pickup = direction == "pickup"
    if is_pickup:
        ready(host).pickup(companions=PAIR)
    else:
        ready(host).dropoff(companions=PAIR)
    job, origin, target = ("reports", sshd.pickup, host.inbox) if is_pickup else ("invoices", host.outbox, sshd.input)
    (origin / "a.xml").write_bytes(b"x")
    assert host.run("check", job).status == 0
    waits = host.run("run", job, "--json")
    assert (waits.status, told(waits)) == (0, {"a.xml": "companion_missing"})
    host.change_ledger("UPDATE waiting SET since = since - 90000")
    assert host.run("run", job).status == 3
    assert host.run("status", job).status == 3
    assert "companion_missing" in host.run("history", job, "--json").out
    (origin / "a.pdf").write_bytes(b"y")
    for path in sshd.pickup.iterdir():
        sshd.give(path)
    assert host.run("run", job).status == 0
    assert {path.name for path in target.iterdir() if path.is_file()} == {"a.pdf", "a.xml"}


def test_a_taken_name_of_a_set_is_not_well(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(companions=PAIR)
    for name in ("a.pdf", "a.xml"):
        (host.outbox / name).write_bytes(b"x")
    sshd.put("a.xml", b"theirs", folder="input")
    taken = host.run("run", "invoices", "--json")
    assert (taken.status, told(taken)) == (1, {"a.pdf": "companion_waiting", "a.xml": "name_taken"})
    assert [path.name for path in sshd.input.iterdir()] == ["a.xml"]


def test_an_option_that_is_wrong_is_refused_by_its_file_and_entry(host: Host) -> None:
    ready(host).dropoff(companions=["*.pdf", {"pattern": "*.xml", "after": "taken"}])
    ended = host.run("run", "invoices")
    assert ended.status == 2
    assert "companions, entry 2: 'after' is an unknown option" in ended.err
