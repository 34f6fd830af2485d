# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that share a mailbox, each with a ledger of its own: at once, while their shares change, and killed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import Question, ask
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import (
    claims,
    job_run,
    looks,
    workflow,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import is_in_share
from support import driver
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.sshd import SshServer

Meanwhile = Callable[[], AbstractContextManager[object]]

ALL = {"index": 0, "count": 1}
"""A share that is everything: whoever has it is in everybody's way."""


@pytest.fixture
def desks(tmp_path: Path, sshd: SshServer) -> Callable[[str], Desk]:
    """Hosts by name, all with the same account."""

    def make(name: str) -> Desk:
        (tmp_path / name).mkdir()
        return Desk(tmp_path / name, sshd.account_options())

    return make


def arrived(*desks: Desk) -> Counter[str]:
    """How often each file is in an inbox, under a final name."""
    return Counter(name for desk in desks for name in digests(desk.inbox) if not name.startswith("."))


def rows(desk: Desk) -> list[tuple[str, str]]:
    """What the ledger says of each file."""
    with closing(sqlite3.connect(desk.ledger)) as ledger:
        return list(ledger.execute("SELECT name, state FROM transfer ORDER BY id"))


def run_at_once(*runs: tuple[Desk, Mapping[str, object]]) -> list[dict[str, int]]:
    """Pick up on several hosts, each in a process of its own."""
    started = [driver.start(desk.spec(desk.job("pickup", share=share))) for desk, share in runs]
    found = [driver.finish(process) for process in started]
    assert [one["error"] for one in found] == [None] * len(runs)
    assert all(one["summary"]["failed"] == one["summary"]["held"] == 0 for one in found), found
    return [one["summary"] for one in found]


def test_of_hosts_that_all_want_every_file_one_gets_it(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    hosts = [desks(name) for name in ("one", "two", "three")]
    for _round in range(2):
        there = fill(sshd.pickup, 200, 2000)
        summaries = run_at_once(*((host, ALL) for host in hosts))
        assert arrived(*hosts) == Counter(there.keys())
        assert {name: digest for host in hosts for name, digest in digests(host.inbox).items()} == there
        assert sum(summary["delivered"] for summary in summaries) == len(there)
        assert digests(sshd.pickup) == {}
        for host in hosts:
            shutil.rmtree(host.inbox)
            host.inbox.mkdir()


def test_shares_may_overlap_while_they_change(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    """One host still goes by halves, two by thirds already: nothing comes twice, and what nobody has stays there."""
    there = fill(sshd.pickup, 200, 500)
    old, new, newer = Share(0, 2), Share(0, 3), Share(1, 3)
    hosts = [
        (desks(name), {"index": share.index, "count": share.count}) for name, share in zip("abc", (old, new, newer))
    ]
    run_at_once(*hosts)
    wanted = {name for name in there if any(is_in_share(name, share) for share in (old, new, newer))}
    assert arrived(*(host for host, _share in hosts)) == Counter(wanted)
    assert digests(sshd.pickup).keys() == there.keys() - wanted != set()


def test_a_host_that_is_killed_finds_its_claims_again(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    victim, other = desks("victim"), desks("other")
    dice = random.Random(5)
    for _round in range(4):
        there = fill(sshd.pickup, 150, 20_000)
        process = driver.start(victim.spec(victim.job("pickup", share=ALL)))
        while not any(name.startswith(".filedrop-claim-") for name in digests_soon(sshd.pickup)):
            assert process.poll() is None
        time.sleep(dice.uniform(0, 0.15))
        process.kill()
        process.wait()
        sshd.wait_idle()
        run_at_once((other, ALL))
        run_at_once((victim, ALL))
        assert arrived(victim, other) == Counter(there.keys())
        assert digests(sshd.pickup) == {}
        for host in (victim, other):
            shutil.rmtree(host.inbox)
            host.inbox.mkdir()


def digests_soon(folder: Path) -> list[str]:
    time.sleep(0.001)
    return [path.name for path in folder.iterdir()]


def test_what_cannot_be_fetched_gets_its_name_back(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    host = desks("one")
    sshd.put("report.xml", b"content")
    assert outcomes(host.pick_up(share=ALL, verify="sidecar")) == {"report.xml": ("failed", "sidecar_missing")}
    assert digests(sshd.pickup).keys() == {"report.xml"}
    assert rows(host) == []
    assert_delivered(host.pick_up(share=ALL), ["report.xml"])
    assert rows(host) == [("report.xml", "fetched")]


def test_a_checksum_goes_with_its_file(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    host = desks("one")
    sshd.put("report.xml", b"content")
    sum_of_it = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    sshd.put("report.xml.sha256", sum_of_it.encode())
    assert_delivered(host.pick_up(share=ALL, verify="sidecar"), ["report.xml", "report.xml.sha256"])
    assert digests(sshd.pickup) == {}


def test_a_file_of_the_same_name_comes_after_the_claim(
    desks: Callable[[str], Desk], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between claim and download; the provider is quick; then the job has no share any more."""
    host = desks("one")
    sshd.put("report.xml", b"first")
    crash_after_claims(host, monkeypatch)
    (claim,) = digests(sshd.pickup)
    assert claim.startswith(".filedrop-claim-")
    assert claim.endswith("-report.xml.part")
    sshd.put("report.xml", b"second")
    first = host.pick_up()
    assert [(one.outcome, one.reason) for one in first.outcomes] == [("waiting", "earlier_first"), ("delivered", "")]
    assert_delivered(host.pick_up(), ["report.xml"])
    assert (host.inbox / "report.xml").read_bytes() == b"first"
    assert (host.inbox / "report.2.xml").read_bytes() == b"second"
    assert digests(sshd.pickup) == {}


def test_a_claim_is_kept_from_everybody_but_the_ledger_that_knows_it(
    desks: Callable[[str], Desk], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a job that is moved with its ledger takes its claims along."""
    first, second = desks("first"), desks("second")
    sshd.put("report.xml", b"content")
    crash_after_claims(first, monkeypatch)
    assert_delivered(second.pick_up(), [])
    assert_delivered(second.pick_up(share=ALL), [])
    shutil.copy(first.ledger, second.ledger)
    # A job of a module is named after its folders; the command's keep their names.
    move_job(second.ledger, str(first.inbox), str(second.inbox))
    assert_delivered(second.pick_up(share=ALL), ["report.xml"])
    assert digests(sshd.pickup) == {}


def move_job(ledger: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(ledger)) as database:
        database.execute("UPDATE transfer SET job = replace(job, ?, ?)", (old, new))
        database.commit()


def crash_after_claims(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has claimed its files, and then is no more."""

    class Crash(BaseException):
        pass

    async def crash(*_arguments: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(workflow.PickupWorkflow, "_download", crash)
        with pytest.raises(Crash):
            desk.pick_up(share=ALL)


def test_a_claim_that_was_renamed_back_and_fetched_by_another_host_is_forgotten(
    desks: Callable[[str], Desk], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, as docs/fleet.md says, for a host that seemed lost and comes back."""
    lost, other = desks("lost"), desks("other")
    sshd.put("report.xml", b"content")
    crash_after_claims(lost, monkeypatch)
    (claim,) = sshd.pickup.iterdir()
    claim.rename(sshd.pickup / "report.xml")
    assert_delivered(other.pick_up(share=ALL), ["report.xml"])
    assert rows(lost) == [("report.xml", "claiming")]
    assert_delivered(lost.pick_up(share=ALL), [])
    assert rows(lost) == []


def test_a_duplicate_that_is_held_waits_under_its_own_name(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    host = desks("one")
    sshd.put("report.xml", b"content")
    assert_delivered(host.pick_up(share=ALL, on_duplicate="hold"), ["report.xml"])
    sshd.put("report.xml", b"content")
    held = host.pick_up(share=ALL, on_duplicate="hold")
    assert outcomes(held) == {"report.xml": ("held", "duplicate")}
    assert digests(sshd.pickup).keys() == {"report.xml"}
    resolve(str(host.ledger), Wanted(("report.xml",)), "resend")
    assert_delivered(host.pick_up(share=ALL, on_duplicate="hold"), ["report.xml"])
    assert digests(sshd.pickup) == {}
    assert rows(host) == [("report.xml", "fetched"), ("report.xml", "fetched")]


def test_what_was_to_be_fetched_again_is_told_by_the_name_that_it_got_back(
    desks: Callable[[str], Desk], sshd: SshServer
) -> None:
    """A claim is given back; then the file goes, and people are told which one: the claim's name would tell nothing."""
    host = desks("one")
    for _time in range(2):
        sshd.put("report.xml", b"content")
        host.pick_up(share=ALL, on_duplicate="hold")
    resolve(str(host.ledger), Wanted(("report.xml",)), "resend")
    assert outcomes(host.pick_up(share=ALL, verify="sidecar")) == {"report.xml": ("failed", "sidecar_missing")}
    (sshd.pickup / "report.xml").unlink()
    (gone,) = host.pick_up(share=ALL).outcomes
    assert gone.message.startswith("'pickup/report.xml' should be fetched again, but is no longer on the server.")


def test_a_duplicate_that_is_skipped_leaves_no_claim_in_the_ledger(
    desks: Callable[[str], Desk], sshd: SshServer
) -> None:
    host = desks("one")
    for _time in range(2):
        sshd.put("report.xml", b"content")
        result = host.pick_up(share=ALL, on_duplicate="skip")
    assert outcomes(result) == {"report.xml": ("skipped", "duplicate")}
    assert digests(sshd.pickup) == {}
    assert rows(host) == [("report.xml", "fetched")]


def test_what_stays_on_the_server_is_not_claimed(desks: Callable[[str], Desk], sshd: SshServer) -> None:
    """A file that is kept is everybody's: every host whose share it is in fetches it, once."""
    hosts = [desks("one"), desks("two")]
    sshd.put("report.xml", b"content")
    for host in hosts:
        assert_delivered(host.pick_up(share=ALL, after="keep"), ["report.xml"])
        assert_delivered(host.pick_up(share=ALL, after="keep"), [])
    assert digests(sshd.pickup).keys() == {"report.xml"}


def before_deletion(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Do something each time that a file has come whole and was not deleted on the server yet."""
    dispose_of_source = workflow.PickupWorkflow._dispose_of_source

    async def later(self: workflow.PickupWorkflow, *what: Any) -> None:
        do()
        await dispose_of_source(self, *what)

    monkeypatch.setattr(workflow.PickupWorkflow, "_dispose_of_source", later)


def meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """While another host has a file whole and has not deleted it yet, this one runs; return what it delivered."""
    delivered: list[list[str]] = []

    def run() -> None:
        if not delivered:
            delivered.append([])
            delivered[0] = [one.name for one in desk.pick_up(share=ALL).outcomes if one.outcome == "delivered"]

    before_deletion(monkeypatch, run)
    return delivered


def test_between_download_and_deletion_a_claim_keeps_others_away(
    desks: Callable[[str], Desk], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = desks("slow"), desks("quick")
    sshd.put("report.xml", b"content")
    delivered = meanwhile(quick, monkeypatch)
    assert_delivered(slow.pick_up(share=ALL), ["report.xml"])
    assert delivered == [[]]
    assert digests(sshd.pickup) == {}


@pytest.fixture
def replaced(sshd: SshServer) -> Meanwhile:
    """While this goes on, every file gets another time on the server between its download and its deletion."""

    @contextmanager
    def going_on() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            before_deletion(patch, lambda: [os.utime(path, (1, 1)) for path in sshd.pickup.iterdir()])
            yield

    return going_on


@pytest.fixture(params=[None, ALL], ids=["alone", "shared"])
def share(request: pytest.FixtureRequest) -> dict[str, int] | None:
    found: dict[str, int] | None = request.param
    return found


def test_what_was_replaced_after_it_was_fetched_is_known_when_it_comes_again(
    desks: Callable[[str], Desk], sshd: SshServer, replaced: Meanwhile, share: dict[str, int] | None
) -> None:
    host = desks("one")
    sshd.put("report.xml", b"content")
    with replaced():
        result = host.pick_up(share=share, on_duplicate="skip")
    assert outcomes(result) == {"report.xml": ("delivered", "changed_before_delete")}
    assert rows(host) == [("report.xml", "fetched")]
    assert outcomes(host.pick_up(share=share, on_duplicate="skip")) == {"report.xml": ("skipped", "duplicate")}
    assert digests(host.inbox).keys() == {"report.xml"}


def test_what_a_person_had_fetched_again_is_not_fetched_a_third_time(
    desks: Callable[[str], Desk], sshd: SshServer, replaced: Meanwhile, share: dict[str, int] | None
) -> None:
    host = desks("one")
    for _time in range(2):
        sshd.put("report.xml", b"content")
        host.pick_up(share=share, on_duplicate="hold")
    resolve(str(host.ledger), Wanted(("report.xml",)), "resend")
    with replaced():
        result = host.pick_up(share=share, on_duplicate="hold")
    assert outcomes(result) == {"report.xml": ("delivered", "changed_before_delete")}
    assert rows(host) == [("report.xml", "fetched"), ("report.xml", "fetched")]
    assert outcomes(host.pick_up(share=share, on_duplicate="hold")) == {"report.xml": ("held", "duplicate")}
    assert digests(host.inbox).keys() == {"report.xml", "report.2.xml"}


def test_where_the_server_refuses_to_rename_overlapping_shares_deliver_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/fleet.md warns of."""
    with SshServer(sftp_options="-P rename") as server:
        for name in ("slow", "quick"):
            (tmp_path / name).mkdir()
        slow, quick = (Desk(tmp_path / name, server.account_options()) for name in ("slow", "quick"))
        server.put("report.xml", b"content")
        delivered = meanwhile(quick, monkeypatch)
        result = slow.pick_up(share=ALL)
        assert_delivered(result, ["report.xml"])
        assert delivered == [["report.xml"]]
        assert result.notes == [claims.REFUSED]
        assert digests(server.pickup) == {}


@pytest.mark.parametrize(("sftp_options", "allowed"), [("", True), ("-P rename", False)])
def test_the_ledger_tells_people_whether_the_server_lets_files_be_claimed(
    tmp_path: Path, sftp_options: str, allowed: bool
) -> None:
    with SshServer(sftp_options=sftp_options) as server:
        host = Desk(tmp_path, server.account_options())
        server.put("report.xml", b"content")
        assert_delivered(host.pick_up(share=ALL), ["report.xml"])
    learned = {one.name: one.allowed for one in ask(str(host.ledger), Question()).capabilities}
    assert learned == {claims.CLAIM: allowed, job_run.STAT: True, looks.STAT_AS_LISTED: True}


def test_where_the_server_refuses_to_rename_disjoint_shares_deliver_once(tmp_path: Path) -> None:
    with SshServer(sftp_options="-P rename") as server:
        hosts = []
        for index in range(2):
            (tmp_path / str(index)).mkdir()
            hosts.append((Desk(tmp_path / str(index), server.account_options()), {"index": index, "count": 2}))
        there = fill(server.pickup, 60, 500)
        run_at_once(*hosts)
        assert arrived(*(host for host, _share in hosts)) == Counter(there.keys())
        assert digests(server.pickup) == {}


def test_a_file_that_cannot_be_claimed_where_others_could_be_is_not_fetched(tmp_path: Path, sshd: SshServer) -> None:
    host = Desk(tmp_path, sshd.account_options(account="provider"))
    sshd.put("first.xml", b"content")
    assert_delivered(host.pick_up(share=ALL), ["first.xml"])
    with SshServer(sftp_options="-P rename") as server:
        server.put("second.xml", b"content")
        result = host.pick_up(account=server.account_options(account="provider"), share=ALL)
        assert outcomes(result) == {"second.xml": ("failed", "not_claimed")}
        assert digests(server.pickup).keys() == {"second.xml"}
    assert rows(host) == [("first.xml", "fetched")]


def test_without_a_share_nothing_is_renamed(desks: Callable[[str], Desk]) -> None:
    with SshServer(sftp_options="-P rename") as server:
        host = desks("one")
        host.account = server.account_options()
        server.put("report.xml", b"content")
        result = host.pick_up()
        assert_delivered(result, ["report.xml"])
        assert result.notes == []
