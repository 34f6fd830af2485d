# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed, and then go on under another name: the job of a module is named after its folders."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Kind
from support import driver
from support.desk import Desk, assert_delivered, digests, outcomes
from support.ledgers import part_prefix
from support.sandbox_client import USERNAME, make_key


@dataclass
class Killer(Fault):
    """Kills a run as soon as its first request of a kind comes, and forgets that request."""

    kind: Kind | None = None
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    def serve(self, call: Call, go: Serve) -> Answer | None:
        if call.request.kind != self.kind:
            return go(call.request)
        self.kind = None
        self.runs[0].kill()
        raise Cut


@dataclass
class Scene:
    desk: Desk
    killer: Killer
    input: Path
    pickup: Path
    second: Path  # another folder of the desk

    def kill(self, kind: Kind, job: dict[str, object]) -> None:
        self.killer.kind = kind
        self.killer.runs = [driver.start(self.desk.spec(job))]
        self.killer.runs[0].communicate(timeout=driver.RUN_SECONDS)
        assert self.killer.runs[0].returncode == -signal.SIGKILL

    def rows(self) -> list[tuple[str, str, bool]]:
        """Job, state and whether it is open."""
        with closing(Ledger(str(self.desk.ledger), read_only=True)) as ledger:
            return [(row.job, row.state, row.open) for row in ledger.rows("ORDER BY id", ())]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    key, killer = make_key(tmp_path / "keys"), Killer()
    users = [account(USERNAME, public_keys=[key.public])]
    with Sandbox(tmp_path / "sandbox", accounts=users, import_delay=3600, faults=[killer]) as sandbox:
        options = {"host": sandbox.host, "port": sandbox.port, "username": USERNAME, "account": "acme"}
        options |= {"private_key_file": str(key.path), "host_keys": list(sandbox.host_keys)}
        folders = sandbox.folders(USERNAME)
        second = tmp_path / "second"
        second.mkdir()
        yield Scene(Desk(tmp_path, options), killer, folders.input, folders.pickup, second)


@pytest.mark.parametrize(
    ("upload", "kind"),
    [("direct", Kind.WRITE), ("direct", Kind.CLOSE), ("rename", Kind.WRITE), ("rename", Kind.RENAME)],
)
def test_a_drop_off_goes_on_under_another_name(scene: Scene, upload: str, kind: Kind) -> None:
    (scene.desk.outbox / "a.xml").write_bytes(b"invoice")
    scene.kill(kind, scene.desk.job("dropoff", upload=upload))
    ((old, _state, is_open),) = scene.rows()
    assert is_open
    both = [str(scene.desk.outbox), str(scene.second)]
    renamed = scene.desk.job("dropoff", upload=upload, src=both)
    assert outcomes(scene.desk.run(renamed, check=True))["a.xml"][0] == "delivered"
    assert scene.rows()[0][0] == old
    assert_delivered(scene.desk.run(renamed), ["a.xml"])
    assert (scene.input / "a.xml").read_bytes() == b"invoice"
    assert os.listdir(scene.input) == ["a.xml"]
    assert (scene.desk.archive / "a.xml").exists()
    assert [(job == old, is_open) for job, _state, is_open in scene.rows()] == [(False, False)]
    assert_delivered(scene.desk.run(scene.desk.job("dropoff", upload=upload)), [])


def test_a_file_named_alone_is_taken_over_as_well(scene: Scene) -> None:
    (scene.desk.outbox / "a.xml").write_bytes(b"invoice")
    scene.kill(Kind.RENAME, scene.desk.job("dropoff"))
    assert_delivered(scene.desk.drop_off(src=str(scene.desk.outbox / "a.xml")), ["a.xml"])


def test_what_the_other_job_alone_asks_for_stays_its_own(scene: Scene) -> None:
    for name in ("a.xml", "b.csv"):
        (scene.desk.outbox / name).write_bytes(b"file")
    scene.kill(Kind.RENAME, scene.desk.job("dropoff"))
    both = [str(scene.desk.outbox), str(scene.second)]
    result = scene.desk.drop_off(src=both, include=["*.csv"])
    assert {name: end for name, (end, _why) in outcomes(result).items()} == {"b.csv": "delivered"}
    unfinished = [(job, state) for job, state, is_open in scene.rows() if is_open]
    assert [job for job, _state in unfinished] == [f"dropoff:{scene.desk.outbox}"] * len(unfinished)
    assert scene.desk.drop_off().error is None
    assert digests(scene.input).keys() == {"a.xml", "b.csv"}
    assert not any(is_open for _job, _state, is_open in scene.rows())


def test_a_job_that_is_at_work_keeps_what_it_has(scene: Scene) -> None:
    (scene.desk.outbox / "a.xml").write_bytes(b"invoice")
    scene.kill(Kind.RENAME, scene.desk.job("dropoff"))
    both = [str(scene.desk.outbox), str(scene.second)]
    renamed = scene.desk.job("dropoff", src=both)
    with only_run(str(scene.desk.ledger), JobKey("acme", "dropoff", f"dropoff:{scene.desk.outbox}")):
        for check in (True, False):
            result = scene.desk.run(renamed, check=check)
            assert outcomes(result) == {"a.xml": ("failed", "other_job")}
    assert_delivered(scene.desk.run(renamed), ["a.xml"])


def test_what_is_held_is_held_by_the_new_name_and_resolved_there(scene: Scene) -> None:
    (scene.desk.outbox / "a.xml").write_bytes(b"invoice")
    scene.kill(Kind.WRITE, scene.desk.job("dropoff", upload="direct"))
    (scene.input / "a.xml").unlink()
    assert outcomes(scene.desk.drop_off(upload="direct")) == {"a.xml": ("held", "maybe_incomplete")}
    both = [str(scene.desk.outbox), str(scene.second)]
    assert outcomes(scene.desk.drop_off(upload="direct", src=both)) == {"a.xml": ("held", "maybe_incomplete")}
    resolve(str(scene.desk.ledger), Wanted(("a.xml",)), "resend")
    assert_delivered(scene.desk.drop_off(upload="direct", src=both), ["a.xml"])


@pytest.mark.parametrize("kind", [Kind.READ, Kind.REMOVE])
@pytest.mark.parametrize("dest", ["inbox", "second"])
def test_a_pickup_goes_on_under_another_name(scene: Scene, kind: Kind, dest: str) -> None:
    """With another destination: what was placed already stays where it was placed, and comes no second time."""
    (scene.pickup / "r.xml").write_bytes(b"report")
    scene.kill(kind, scene.desk.job("pickup"))
    folder = scene.desk.inbox if dest == "inbox" else scene.second
    # The same destination makes the same name again, so the killed one is given another.
    with closing(Ledger(str(scene.desk.ledger))) as ledger:
        ledger.change("UPDATE transfer SET job = 'another name'", [()])
    result = scene.desk.pick_up(dest=str(folder))
    assert_delivered(result, ["r.xml"])
    everything = [name for where in (scene.desk.inbox, scene.second) for name in os.listdir(where)]
    assert [name for name in everything if not name.startswith(".filedrop-")] == ["r.xml"]
    assert digests(scene.pickup) == {}
    assert not any(is_open for _job, _state, is_open in scene.rows())


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize("dest", ["inbox", "second"])
def test_a_pickup_that_was_about_to_publish_a_file_loses_it_under_no_name(
    scene: Scene, published: bool, dest: str
) -> None:
    (scene.pickup / "r.xml").write_bytes(b"report")
    old = "pickup:pickup > elsewhere"
    part = f"{part_prefix(str(scene.desk.ledger), 'acme', old)}0123.part"
    unverified = f"{part_prefix(str(scene.desk.ledger), 'acme', old)}4567.part"
    (scene.desk.inbox / ("r.xml" if published else part)).write_bytes(b"report")
    (scene.desk.inbox / unverified).write_bytes(b"rep")
    status = (scene.pickup / "r.xml").stat()
    placing = Row(
        account="acme",
        direction="pickup",
        folder="pickup",
        name="r.xml",
        size=6,
        mtime_ns=int(status.st_mtime) * 10**9,
        job=old,
        remote_path="pickup/r.xml",
        temporary=part,
        local_path=str(scene.desk.inbox / "r.xml"),
        sha256=next(iter(digests(scene.pickup).values())),
    )
    with closing(Ledger(str(scene.desk.ledger), create=True)) as ledger:
        ledger.commit(placing, State.PLACING)
        ledger.run()
    folder = scene.desk.inbox if dest == "inbox" else scene.second
    if dest == "second" and not published:  # the part is not touched in a folder that is not the job's
        result = scene.desk.pick_up(dest=str(folder))
        assert outcomes(result) == {"r.xml": ("held", "dest_changed")}
        assert part in result.outcomes[0].message
        assert digests(scene.pickup).keys() == {"r.xml"}
        return
    assert_delivered(scene.desk.pick_up(dest=str(folder)), ["r.xml"])
    assert (scene.desk.inbox / "r.xml").read_bytes() == b"report"
    assert os.listdir(scene.second) == []
    assert digests(scene.pickup) == {}
    assert set(os.listdir(scene.desk.inbox)) == ({"r.xml"} if dest == "inbox" else {"r.xml", unverified})


def test_parts_of_which_a_row_of_the_other_job_speaks_are_left(scene: Scene) -> None:
    """The other job has two files here that are about to be published; this one asks for one of them alone."""
    old = "pickup:pickup > elsewhere"
    rows = []
    for name in ("r.xml", "r.csv"):
        part = f"{part_prefix(str(scene.desk.ledger), 'acme', old)}{name}.part"
        (scene.desk.inbox / part).write_bytes(b"report")
        row = Row("acme", "pickup", "pickup", name, 6, 1, old, f"pickup/{name}", temporary=part)
        row.local_path = str(scene.desk.inbox / name)
        rows.append(row)
    with closing(Ledger(str(scene.desk.ledger), create=True)) as ledger:
        for row in rows:
            ledger.commit(row, State.PLACING)
        ledger.run()
    assert_delivered(scene.desk.pick_up(include=["*.xml"]), ["r.xml"])
    assert set(os.listdir(scene.desk.inbox)) == {"r.xml", rows[1].temporary}
    assert_delivered(scene.desk.pick_up(), ["r.csv"])
    assert set(os.listdir(scene.desk.inbox)) == {"r.xml", "r.csv"}
