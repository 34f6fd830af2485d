# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``filedrop run --wait``, which path units start when a file appears."""

from __future__ import annotations

from support.command import Host
from support.desk import fill
from support.relay import Fault, Relay
from support.sshd import SshServer


def ready(host: Host) -> Host:
    assert host.run("init").status == 0
    return host


def test_a_file_that_has_just_appeared_is_waited_for(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff(settle=5)
    fill(system_host.outbox, 2)
    assert " 2 files waiting" in system_host.run("run", "invoices").out
    fill(system_host.outbox, 2)
    ended = system_host.run("run", "invoices", "--wait")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("invoices: 2 files (40.0 KiB) delivered")
    assert ended.out.count("\n") == 1  # one run was enough
    assert len(list(sshd.input.iterdir())) == 2


def test_what_comes_during_a_run_is_taken_by_the_next_at_once(system_host: Host, sshd: SshServer) -> None:
    late = system_host.outbox / "late.xml"
    meanwhile = Fault("call", "up", after=100_000, then=lambda: late.write_text("late"))
    with Relay(sshd.port, faults=[meanwhile]) as relay:
        ready(system_host).account("acme", {**sshd.account_options(), "port": relay.port})
        system_host.dropoff(settle=0)
        fill(system_host.outbox, 1, size=1_000_000)
        ended = system_host.run("run", "invoices", "--wait")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.count("invoices: 1 file (") == 2
    assert (sshd.input / "late.xml").read_text() == "late"


def test_what_stays_begins_no_other_run(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).dropoff()
    fill(system_host.outbox, 1)
    (system_host.outbox / "folder").mkdir()
    sshd.put("invoice-00000.xml", b"somebody else's", folder="input")
    ended = system_host.run("run", "invoices", "--wait")
    assert ended.status == 1
    assert ended.out.count("invoices: ") == 1


def test_where_no_run_is_possible_nothing_is_tried_again(system_host: Host, sshd: SshServer) -> None:
    ready(system_host).account("acme", {**sshd.account_options(), "port": 1})
    system_host.dropoff()
    fill(system_host.outbox, 1)
    ended = system_host.run("run", "invoices", "--wait")
    assert ended.status == 2
    assert ended.out.count("No server listens") == 1


def test_several_runs_are_no_single_document(system_host: Host) -> None:
    ready(system_host).dropoff()
    ended = system_host.run("run", "invoices", "--wait", "--json")
    assert (ended.status, ended.document["error"]["reason"]) == (2, "option_invalid")
