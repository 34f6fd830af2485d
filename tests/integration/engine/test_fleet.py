# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several ledgers at one mailbox: with one `dest` or several, with and without `share`, at once, and killed.

Nothing is lost and nothing comes twice. Two ledgers without `share` and with different `dest` are a stated limit.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import JobRunning
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import workflow
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup.looks import Looks
from support import driver
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.fleet import fleet, left_over
from support.ledgers import part_prefix
from support.sshd import SshServer


@pytest.fixture
def hosts(tmp_path: Path, sshd: SshServer) -> Callable[..., list[Desk]]:
    """So many hosts, each with a ledger of its own, and one `dest` for all if that is wanted."""
    return partial(fleet, tmp_path, sshd)


# The lock in `dest`


def test_a_second_run_with_another_ledger_ends_while_the_first_is_at_it(
    hosts: Callable[..., list[Desk]], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = hosts(2)
    there = fill(sshd.pickup, 3)
    publish = workflow.publish
    found: list[Any] = []

    def meanwhile(*arguments: Any) -> bool:
        if not found:
            found.append(two.refusal(two.job("pickup")))
        return publish(*arguments)

    monkeypatch.setattr(workflow, "publish", meanwhile)
    assert_delivered(one.pick_up(), there)
    (error,) = found
    assert isinstance(error, JobRunning)
    assert error.reason == "dest_in_use"
    assert str(one.ledger) in error.finding
    assert "share" in error.way_out
    with closing(Ledger(str(two.ledger))) as ledger:
        assert ledger.look("SELECT reason FROM run", ()) == []  # so that `status` goes by the run before
    assert_delivered(two.pick_up(), [])
    assert digests(one.inbox) == there


@pytest.mark.parametrize("different", ["dest", "remote_dir", "job of the same ledger", "share on both"])
def test_runs_that_do_not_hinder_one_another_go_on(
    hosts: Callable[..., list[Desk]], sshd: SshServer, monkeypatch: pytest.MonkeyPatch, different: str
) -> None:
    one, two = hosts(2, one_dest=different != "dest")
    fill(sshd.pickup, 3)
    options: dict[str, Any] = {"share": {"index": 0, "count": 1}} if different == "share on both" else {}
    others = {"remote_dir": "input"} if different == "remote_dir" else options
    if different == "job of the same ledger":
        two, others = one, {"include": ["*.csv"], "job": "other"}
    publish = workflow.publish
    found: list[Any] = []

    def meanwhile(*arguments: Any) -> bool:
        if not found:
            found.append(None)
            found.append(two.pick_up(**others).error)
        return publish(*arguments)

    monkeypatch.setattr(workflow, "publish", meanwhile)
    assert one.pick_up(**options).error is None
    assert found == [None, None]
    assert left_over([one, two]) == []


def _kill_when_published(desk: Desk, sshd: SshServer) -> None:
    """Kill a run that has published a file and not deleted it on the server."""
    code = (
        "import os, signal\n"
        "from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import workflow\n"
        "async def die(*_arguments): os.kill(os.getpid(), signal.SIGKILL)\n"
        "workflow.PickupWorkflow._dispose_of_source = die\n"
        f"import runpy; runpy.run_path({driver.__file__!r}, run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(desk.spec(desk.job("pickup"))),
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(driver.TREE)},
        check=False,
    )
    assert done.returncode == -9, done.stderr
    sshd.wait_idle()


def test_what_a_killed_run_has_published_is_not_fetched_by_another_ledger(
    hosts: Callable[..., list[Desk]], sshd: SshServer
) -> None:
    one, two = hosts(2)
    there = fill(sshd.pickup, 3)
    _kill_when_published(one, sshd)
    assert digests(sshd.pickup) == there
    os.unlink(next(path for path in one.inbox.iterdir() if not path.name.startswith(".")))  # somebody takes a file
    error = two.refusal(two.job("pickup"))
    assert error.reason == "dest_unfinished"
    assert str(one.ledger) in error.finding
    (lock,) = left_over([two])
    assert lock.startswith(".filedrop-lock-")
    assert lock in error.way_out
    assert one.pick_up().error is None
    assert left_over([one]) == []
    assert digests(sshd.pickup) == {}
    assert_delivered(two.pick_up(), [])
    assert len(digests(one.inbox)) == 2


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_what_is_no_lock_file_is_refused_by_name(
    hosts: Callable[..., list[Desk]], sshd: SshServer, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk,) = hosts(1)
    names: list[str] = []
    monkeypatch.setattr(fcntl, "flock", lambda *_arguments: names.extend(left_over([desk])))
    desk.pick_up()
    monkeypatch.undo()
    lock = desk.inbox / names[0]
    make: dict[str, Callable[[], object]] = {
        "link": lambda: lock.symlink_to("/etc/passwd"),
        "pipe": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
    }
    make[what]()
    fill(sshd.pickup, 1)
    assert names[0] in str(desk.refusal(desk.job("pickup")))
    assert digests(sshd.pickup) != {}


# What another ledger has published


@pytest.mark.parametrize("after", ["keep", "delete"])
def test_what_is_in_dest_already_is_not_put_there_twice(
    hosts: Callable[..., list[Desk]], sshd: SshServer, after: str
) -> None:
    """A ledger was lost, or another one has fetched the same files and kept them on the server."""
    one, two = hosts(2)
    there = fill(sshd.pickup, 3)
    assert_delivered(one.pick_up(after="keep"), there)
    (sshd.pickup / "other").write_bytes(b"new")
    (two.inbox / "other").write_bytes(b"old")
    result = two.pick_up(after=after)
    assert outcomes(result) == {**dict.fromkeys(there, ("skipped", "duplicate")), "other": ("delivered", "")}
    assert digests(two.inbox).keys() == {*there, "other", "other.2"}
    assert digests(sshd.pickup).keys() == ({*there, "other"} if after == "keep" else set())
    assert [one.outcome for one in two.pick_up(after=after).outcomes] == []


def test_a_copy_that_the_ledger_may_have_published_and_forgotten_does_not_count(
    hosts: Callable[..., list[Desk]], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `retention`, a file that comes again with the same content is delivered again, as `on_duplicate` says."""
    (desk,) = hosts(1)
    sshd.put("daily.flag", b"")
    assert_delivered(desk.pick_up(), ["daily.flag"])
    with closing(Ledger(str(desk.ledger))) as ledger:
        ledger.change("DELETE FROM transfer", [()])
        ledger.change("UPDATE identity SET made_at = 0", [()])
    monkeypatch.setattr(workflow, "RECENT", -10.0)
    sshd.put("daily.flag", b"")
    assert_delivered(desk.pick_up(), ["daily.flag"])
    assert digests(desk.inbox).keys() == {"daily.flag", "daily.2.flag"}


# Parts of others


def test_a_part_of_another_ledger_stays(hosts: Callable[..., list[Desk]], sshd: SshServer) -> None:
    """Also where both jobs and both accounts have the same names."""
    one, two = hosts(2)
    two.account["account"] = one.account["account"]
    share = {"share": {"index": 0, "count": 1}}
    fill(sshd.pickup, 1, 4_000_000)
    process = driver.start(one.spec(one.job("pickup", **share)))
    while not any("-lock-" not in name for name in left_over([one])):
        assert process.poll() is None
    process.kill()
    process.communicate()
    sshd.wait_idle()
    parts = [name for name in left_over([one]) if "-lock-" not in name]
    assert two.pick_up(**share).error is None
    assert [name for name in left_over([two]) if "-lock-" not in name] == parts
    assert one.pick_up(**share).error is None
    assert left_over([one]) == []
    assert len(digests(one.inbox)) == 1


def test_a_part_that_is_in_use_stays(hosts: Callable[..., list[Desk]], sshd: SshServer) -> None:
    """Two machines were made from one image, so that their ledgers have the same identity."""
    (desk,) = hosts(1)
    desk.pick_up()
    prefix = part_prefix(str(desk.ledger), "name_0", f"pickup:pickup > {desk.inbox}")
    used, unused = (desk.inbox / f"{prefix}{number}.part" for number in range(2))
    unused.write_bytes(b"")
    with used.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        desk.pick_up()
        assert left_over([desk]) == [used.name]
    desk.pick_up()
    assert left_over([desk]) == []


# Jobs of one ledger whose selections overlap


@pytest.mark.parametrize("after", ["delete", "keep"])
def test_a_file_that_another_job_has_fetched_meanwhile_is_not_fetched_again(
    hosts: Callable[..., list[Desk]], sshd: SshServer, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    (desk,) = hosts(1)
    there = fill(sshd.pickup, 2)
    name = min(there)
    compare = Looks.is_unchanged
    found: list[Any] = []

    def meanwhile(*arguments: Any) -> bool:
        if not found:
            found.append(None)
            found.append(outcomes(desk.pick_up(include=[name], after=after, job="other")))
        return compare(*arguments)

    monkeypatch.setattr(Looks, "is_unchanged", meanwhile)
    result = desk.pick_up(after=after)
    assert found[1] == {name: ("delivered", "")}
    assert outcomes(result)[name] == ("failed", "other_job")
    monkeypatch.undo()
    desk.pick_up(after=after)
    assert digests(desk.inbox) == there


def test_a_file_that_another_job_has_sent_meanwhile_is_not_sent_again(
    hosts: Callable[..., list[Desk]], sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk,) = hosts(1)
    sent = fill(desk.outbox, 2)
    name = min(sent)
    write = Ledger._write_all
    found: list[Any] = []

    def meanwhile(ledger: Ledger, rows: Any) -> set[int]:
        if not found:
            found.append(None)
            found.append(outcomes(desk.drop_off(include=[name], after="keep", job="other")))
            os.unlink(sshd.input / name)  # the provider takes it
        return write(ledger, rows)

    monkeypatch.setattr(Ledger, "_write_all", meanwhile)
    result = desk.drop_off(after="keep")
    assert found[1] == {name: ("delivered", "")}
    assert outcomes(result)[name] == ("failed", "other_job")
    monkeypatch.undo()
    assert digests(sshd.input).keys() == sent.keys() - {name}
