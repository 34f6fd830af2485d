# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of held file, as a server brings it about, and each way out of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError, JobRunning
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import (
    CHOICES,
    Decided,
    Wanted,
    resolve,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.history import Question, ask
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import PARTIAL_UPLOADS
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Cut, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import Answer, Code, Kind, Status
from support.desk import Desk, assert_delivered, digests, outcomes
from support.sandbox_client import USERNAME, make_key
from support.sshd import SshServer

NAME = "invoice.xml"
CONTENT = b"<invoice/>" * 100
DISCARDED = {NAME: ("skipped", "discarded")}


@dataclass
class Trouble(Fault):
    """One request goes wrong in a way that a test chooses; everything else goes well.

    :ivar kind: the kind of request, in the folder ``input``.
    :ivar act: what happens on the server at that moment: before the request is served, unless it is ``late``.
    :ivar refuse: answer with a failure; else the connection is cut.
    """

    kind: Kind | None = None
    act: Callable[[], object] = field(default=lambda: None)
    refuse: bool = False
    late: bool = False
    unseen: bool = False
    over: bool = False

    def serve(self, call: Call, go: Serve) -> Answer | None:
        request = call.request
        if self.over or not call.path.startswith(b"/input/"):
            return go(request)
        if self.unseen and request.kind in (Kind.STAT, Kind.LSTAT):
            return Status(Code.NO_SUCH_FILE)
        if request.kind != self.kind:
            return go(request)
        self.over = True
        if self.late:
            answer = go(request)
            self.act()
            return answer
        self.act()
        if self.refuse:
            return Status(Code.FAILURE, "a failure for a test")
        raise Cut


@dataclass
class Scene:
    """A desk and a provider who takes nothing out of ``input`` by himself."""

    desk: Desk
    trouble: Trouble
    input: Path

    def clear(self) -> None:
        for path in self.input.iterdir():
            path.unlink()

    def replace(self) -> None:
        """Somebody else puts a file there."""
        self.clear() if self.trouble.kind is Kind.CLOSE else None
        (self.input / NAME).write_bytes(b"somebody else's")

    def grow(self) -> None:
        with (self.input / NAME).open("ab") as there:
            there.write(b"more")

    def resolve(self, decision: str, **wanted: object) -> list[Decided]:
        return resolve(str(self.desk.ledger), Wanted(**wanted), decision)  # type: ignore[arg-type]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    key, trouble = make_key(tmp_path / "keys"), Trouble()
    with Sandbox(
        tmp_path / "sandbox",
        accounts=[account(USERNAME, public_keys=[key.public])],
        import_delay=3600,
        faults=[trouble],
    ) as sandbox:
        options = {"host": sandbox.host, "port": sandbox.port, "username": USERNAME, "account": "acme"}
        options |= {"private_key_file": str(key.path), "host_keys": list(sandbox.host_keys)}
        desk = Desk(tmp_path, options)
        (desk.outbox / NAME).write_bytes(CONTENT)
        yield Scene(desk, trouble, sandbox.folders(USERNAME).input)


# reason -> upload, the request that goes wrong, how, and whether somebody else's file is there in the end
Kinds = dict[str, tuple[str, str, Callable[[Scene], Trouble], bool]]
KINDS: Kinds = {
    "direct: ambiguous": ("direct", "ambiguous", lambda at: Trouble(Kind.CLOSE, at.clear, unseen=True), False),
    "direct: incomplete": ("direct", "maybe_incomplete", lambda at: Trouble(Kind.WRITE, at.clear), False),
    "direct: gone": ("direct", "maybe_incomplete", lambda at: Trouble(Kind.WRITE, at.clear, late=True), False),
    "direct: taken": ("direct", "name_taken", lambda at: Trouble(Kind.CLOSE, at.replace), True),
    "direct: not completed": ("direct", "not_completed", lambda at: Trouble(Kind.CLOSE, at.clear, refuse=True), False),
    "direct: size": ("direct", "size_changed", lambda at: Trouble(Kind.CLOSE, at.grow, late=True), True),
    "rename: ambiguous": ("rename", "ambiguous", lambda at: Trouble(Kind.RENAME, at.clear), False),
    "rename: taken": ("rename", "name_taken", lambda at: Trouble(Kind.RENAME, at.replace), True),
    "rename: not completed": ("rename", "not_completed", lambda at: Trouble(Kind.CLOSE, at.clear, refuse=True), False),
    "rename: vanished": ("rename", "vanished", lambda at: Trouble(Kind.RENAME, at.clear, refuse=True), False),
    "rename: size": ("rename", "size_changed", lambda at: Trouble(Kind.RENAME, at.grow, late=True), True),
}
WAITING = {"rename: taken"}
"""Kinds that wait, and about which a person can decide nevertheless."""


def hold(scene: Scene, kind: str, **options: Any) -> FileOutcome:
    """Bring a held file about, and return its outcome."""
    upload, reason, trouble, _other = KINDS[kind]
    wanted = trouble(scene)
    if kind == "direct: gone":
        with closing(Ledger(str(scene.desk.ledger), create=True)) as ledger:  # as `probe_dir` finds out
            ledger.learn("acme", PARTIAL_UPLOADS, allowed=True)
    for name in ("kind", "act", "refuse", "late", "unseen"):
        setattr(scene.trouble, name, getattr(wanted, name))
    result = scene.desk.drop_off(upload=upload, **options)
    assert result.error is None
    expected = {NAME: ("waiting" if kind in WAITING else "held", reason)}
    assert outcomes(result) == expected
    again = scene.desk.drop_off(upload=upload, **options)
    assert outcomes(again) == expected
    assert digests(scene.desk.outbox).keys() == {NAME}
    return again.outcomes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_held_file_says_what_to_type(scene: Scene, kind: str) -> None:
    message = hold(scene, kind).message
    assert (kind in WAITING) or "Ask the provider whether the file arrived" in message
    told = re.search(r"`courier\.filedrop\.resolve: \{(.*), decision: resend\}`", message)
    assert told
    assert f'name: "{scene.desk.outbox / NAME}"' in told[1]
    assert 'account: "acme"' in told[1]
    assert f'ledger: "{scene.desk.ledger}"' in told[1]


def test_what_is_held_for_its_name_goes_by_itself_once_that_is_free(scene: Scene) -> None:
    hold(scene, "rename: taken")
    (scene.input / NAME).unlink()
    assert_delivered(scene.desk.drop_off(upload="rename"), [NAME])
    assert os.listdir(scene.input) == [NAME]
    assert (scene.input / NAME).read_bytes() == CONTENT
    assert (scene.desk.archive / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_resend_sends_it_again_once_its_name_is_free(scene: Scene, kind: str) -> None:
    upload, other = KINDS[kind][0], KINDS[kind][3]
    hold(scene, kind)
    (decided,) = scene.resolve("resend", names=(NAME,))
    assert decided.changed
    if other:
        there = digests(scene.input)[NAME]
        result = scene.desk.drop_off(upload=upload)
        assert outcomes(result) == {NAME: ("waiting", "name_taken")}
        assert "The new file is sent once the name is free" in result.outcomes[0].message
        assert digests(scene.input) == {NAME: there}
        (scene.input / NAME).unlink()
    assert_delivered(scene.desk.drop_off(upload=upload), [NAME])
    assert (scene.input / NAME).read_bytes() == CONTENT
    assert os.listdir(scene.input) == [NAME]
    assert (scene.desk.archive / NAME).read_bytes() == CONTENT
    assert digests(scene.desk.outbox) == {}
    for decision in CHOICES:  # it was sent, and not only said to be
        with pytest.raises(InputError, match="its state is 'delivered'"):
            scene.resolve(decision, names=(NAME,))


@pytest.mark.parametrize(
    ("kind", "after"), [*((kind, "archive") for kind in KINDS), *(("rename: ambiguous", x) for x in ("keep", "delete"))]
)
def test_delivered_sends_nothing_and_settles_the_original(scene: Scene, kind: str, after: str) -> None:
    upload, other = KINDS[kind][0], KINDS[kind][3]
    hold(scene, kind, after=after)
    there = digests(scene.input).get(NAME)
    scene.resolve("delivered", names=(NAME,))
    result = scene.desk.drop_off(upload=upload, after=after)
    assert result.error is None
    assert set(outcomes(result).values()) <= {("skipped", "already_delivered")}
    assert digests(scene.input) == ({NAME: there} if other else {})
    assert (scene.desk.outbox / NAME).exists() == (after == "keep")
    assert (scene.desk.archive / NAME).exists() == (after == "archive")
    assert_delivered(scene.desk.drop_off(upload=upload, after=after), [])


@pytest.mark.parametrize("kind", KINDS)
def test_discard_leaves_it_alone_until_it_changes(scene: Scene, kind: str) -> None:
    upload, other = KINDS[kind][0], KINDS[kind][3]
    hold(scene, kind)
    there = digests(scene.input).get(NAME)
    scene.resolve("discard", names=(NAME,))
    for _time in range(2):
        result = scene.desk.drop_off(upload=upload)
        assert result.error is None
        assert outcomes(result) == DISCARDED
        assert "`resend`" in result.outcomes[0].message
    assert not result.changed
    assert digests(scene.input) == ({NAME: there} if other else {})
    assert (scene.desk.outbox / NAME).read_bytes() == CONTENT
    scene.clear()
    (scene.desk.outbox / NAME).write_bytes(b"another invoice")
    assert_delivered(scene.desk.drop_off(upload=upload), [NAME])
    assert (scene.input / NAME).read_bytes() == b"another invoice"


@pytest.mark.parametrize("decision", CHOICES)
def test_a_file_that_changed_since_it_was_held_is_a_new_file(scene: Scene, decision: str) -> None:
    hold(scene, "rename: ambiguous")
    (scene.desk.outbox / NAME).write_bytes(b"corrected")
    scene.resolve(decision, names=(NAME,))
    assert_delivered(scene.desk.drop_off(), [NAME])
    assert (scene.input / NAME).read_bytes() == b"corrected"
    assert_delivered(scene.desk.drop_off(), [])


@pytest.mark.parametrize("decision", CHOICES)
def test_a_file_that_is_gone_ends_with_the_decision(scene: Scene, decision: str) -> None:
    hold(scene, "rename: taken")
    (scene.desk.outbox / NAME).unlink()
    scene.resolve(decision, names=(NAME,))
    first = scene.desk.drop_off()
    expected = {"resend": ("failed", "local_missing"), "delivered": ("skipped", "already_delivered")}
    assert outcomes(first) == {NAME: expected.get(decision, ("skipped", "discarded"))}
    assert os.listdir(scene.input) == [NAME]
    assert_delivered(scene.desk.drop_off(), [])


@pytest.mark.parametrize("decision", CHOICES)
def test_check_mode_foretells_what_a_decision_brings(scene: Scene, decision: str) -> None:
    hold(scene, "direct: incomplete")
    scene.resolve(decision, names=(NAME,))
    job = scene.desk.job("dropoff", upload="direct")
    foretold = outcomes(scene.desk.run(job, check=True))
    done = outcomes(scene.desk.run(job))
    assert foretold == {name: (end, "predicted" if end == "delivered" else why) for name, (end, why) in done.items()}


def test_a_discarded_file_can_be_sent_after_all(scene: Scene) -> None:
    hold(scene, "rename: vanished")
    for decision in ("discard", "resend", "discard"):
        scene.resolve(decision, names=(NAME,))
    assert outcomes(scene.desk.drop_off()) == DISCARDED
    scene.resolve("resend", names=(NAME,))
    assert_delivered(scene.desk.drop_off(), [NAME])


def test_nothing_is_decided_while_a_run_is_at_it(scene: Scene) -> None:
    hold(scene, "direct: incomplete")
    job = JobKey("acme", "dropoff", f"dropoff:{scene.desk.outbox}")
    with only_run(str(scene.desk.ledger), job), pytest.raises(JobRunning):
        scene.resolve("discard", names=(NAME,))
    assert outcomes(scene.desk.drop_off(upload="direct")) == {NAME: ("held", "maybe_incomplete")}


# --- pickup


@pytest.fixture
def twice(desk: Desk, sshd: SshServer) -> Callable[..., FileOutcome]:
    """A report that the provider puts back with the same content, at real OpenSSH, is held; returns the outcome."""

    def put_back(**options: Any) -> FileOutcome:
        sshd.put("report.xml", b"report")
        assert_delivered(desk.pick_up(), ["report.xml"])
        sshd.put("report.xml", b"report")
        for _time in range(2):
            result = desk.pick_up(on_duplicate="hold", **options)
            assert result.error is None
            assert outcomes(result) == {"report.xml": ("held", "duplicate")}
        assert digests(sshd.pickup).keys() == {"report.xml"}
        return result.outcomes[0]

    return put_back


def _resolve(desk: Desk, decision: str) -> None:
    (decided,) = resolve(str(desk.ledger), Wanted(("pickup/report.xml",), direction="pickup"), decision)
    assert decided.changed


def test_a_held_duplicate_says_what_to_type_and_where_the_earlier_one_is(
    desk: Desk, twice: Callable[..., FileOutcome]
) -> None:
    message = twice().message
    assert "Compare it" in message
    assert 'direction: "pickup", name: "pickup/report.xml"' in message
    assert str(desk.inbox / "report.xml") in message
    assert os.listdir(desk.inbox) == ["report.xml"]


@pytest.mark.parametrize("on_duplicate", ["hold", "skip", "deliver"])
def test_a_duplicate_to_fetch_again_is_a_second_file(
    desk: Desk, sshd: SshServer, twice: Callable[..., FileOutcome], on_duplicate: str
) -> None:
    twice()
    _resolve(desk, "resend")
    assert_delivered(desk.pick_up(on_duplicate=on_duplicate), ["report.xml"])
    assert sorted(os.listdir(desk.inbox)) == ["report.2.xml", "report.xml"]
    assert digests(sshd.pickup) == {}
    told = [(row.local_path, row.state, row.reason) for row, _outcome in ask(str(desk.ledger), Question()).entries]
    assert told == [(str(desk.inbox / name), "fetched", None) for name in ("report.2.xml", "report.xml")]
    sshd.put("report.xml", b"report")
    assert outcomes(desk.pick_up(on_duplicate="hold")) == {"report.xml": ("held", "duplicate")}


@pytest.mark.parametrize("after", ["delete", "keep", "move"])
def test_a_duplicate_that_counts_as_delivered_is_cleared_away_only(
    desk: Desk, sshd: SshServer, twice: Callable[..., FileOutcome], after: str
) -> None:
    options: dict[str, Any] = {"after": after, "on_duplicate": "hold"}
    if after == "move":
        options["move_dir"] = "input"
    twice()
    _resolve(desk, "delivered")
    result = desk.pick_up(**options)
    assert outcomes(result) == {"report.xml": ("skipped", "duplicate")}
    assert result.outcomes[0].local_path == str(desk.inbox / "report.xml")
    assert os.listdir(desk.inbox) == ["report.xml"]
    assert (sshd.pickup / "report.xml").exists() == (after == "keep")
    assert (sshd.input / "report.xml").exists() == (after == "move")
    assert_delivered(desk.pick_up(**options), [])


def test_a_duplicate_that_counts_as_delivered_is_not_deleted_on_the_word_of_its_size_and_time(
    desk: Desk, sshd: SshServer, twice: Callable[..., FileOutcome]
) -> None:
    twice()
    path = sshd.pickup / "report.xml"
    status = path.stat()
    _resolve(desk, "delivered")
    path.write_bytes(b"REPORT")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert_delivered(desk.pick_up(on_duplicate="hold"), ["report.xml"])
    assert (desk.inbox / "report.2.xml").read_bytes() == b"REPORT"


def test_a_discarded_duplicate_stays_on_the_server_until_it_changes(
    desk: Desk, sshd: SshServer, twice: Callable[..., FileOutcome]
) -> None:
    twice()
    _resolve(desk, "discard")
    for on_duplicate in ("hold", "skip", "deliver"):
        result = desk.pick_up(on_duplicate=on_duplicate)
        assert outcomes(result) == {"report.xml": ("skipped", "discarded")}
        assert not result.changed
    assert digests(sshd.pickup).keys() == {"report.xml"}
    assert os.listdir(desk.inbox) == ["report.xml"]
    os.utime(sshd.pickup / "report.xml", (1, 1))
    assert outcomes(desk.pick_up(on_duplicate="hold")) == {"report.xml": ("held", "duplicate")}
    sshd.put("report.xml", b"news")
    _resolve(desk, "discard")
    assert_delivered(desk.pick_up(on_duplicate="hold"), ["report.xml"])
    assert (desk.inbox / "report.2.xml").read_bytes() == b"news"


def test_a_duplicate_to_fetch_again_that_is_gone_is_told_once(
    desk: Desk, sshd: SshServer, twice: Callable[..., FileOutcome]
) -> None:
    twice()
    _resolve(desk, "resend")
    (sshd.pickup / "report.xml").unlink()
    result = desk.pick_up(on_duplicate="hold")
    assert outcomes(result) == {"report.xml": ("failed", "remote_missing")}
    assert str(desk.inbox / "report.xml") in result.outcomes[0].message
    assert_delivered(desk.pick_up(on_duplicate="hold"), [])
