# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of things: nothing that cannot be undone is done before the ledger says that it is about to be, and nothing
after it before the ledger says that it was. One file, every step by name, for each way that a transfer can go.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup, Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import database
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as folder_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import parts as parts_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.fsync import Syncer
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.permissions import Permissions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import requests
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.remote import SftpRemote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.upload import Upload
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import (
    PARTIAL_UPLOADS,
    RENAME,
    STAT,
    STAT_AS_LISTED,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff import archive as archive_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup import (
    workflow as workflow_module,
)
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Code,
    Data,
    Kind,
    Stats,
    Status,
)
from support.ledgers import part_prefix, plant
from support.odd_server import Hook, OddServer
from support.rights import without_privileges

NAME, CONTENT = "a.xml", b"<invoice/>"
TIME = 1_700_000_000  # seconds since 1970
REFUSED, DONE = Status(Code.FAILURE, "no"), Status(Code.OK, "")
PART = re.compile(r"\.filedrop-[0-9a-f]+-[0-9a-f]+\.part|\.[0-9a-f]{8}\.part")
REQUESTS = ("stat", "create", "rewrite", "size_of", "rename", "remove")


class Story:
    """What happens, in its order, in a few words each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lines: list[str] = []
        for name in REQUESTS:
            self._tell(monkeypatch, requests, name, _named)
        self._tell(monkeypatch, requests, "close", _named, as_="finish")
        self._tell(monkeypatch, SftpRemote, "download", _named)
        self._tell(monkeypatch, Upload, "send", lambda upload, _source: upload._handle.path, as_="write")
        for owner in (parts_module, archive_module):
            self._tell(monkeypatch, owner, "rename_new", lambda *words: f"{words[1]} {words[3]}", as_="move")
        self._tell(monkeypatch, folder_module.Folder, "remove", lambda _folder, name: name, as_="unlink")
        self._tell(monkeypatch, Syncer, "_run", _synced, as_="sync")
        write_all = Ledger._write_all

        def recorded(ledger: Ledger, rows: Sequence[Row]) -> set[int]:
            refused = write_all(ledger, rows)
            self.lines += [f"LEDGER {row.state}{'' if row.open else ' (done)'}" for row in rows]
            return refused

        monkeypatch.setattr(Ledger, "_write_all", recorded)
        learn = Ledger.learn

        def learned(ledger: Ledger, account: str, name: str, *, allowed: bool) -> None:
            learn(ledger, account, name, allowed=allowed)
            self.lines.append(f"LEARNED {name} {'yes' if allowed else 'no'}")

        monkeypatch.setattr(Ledger, "learn", learned)

    def _tell(
        self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, shown: Callable[..., str], *, as_: str = ""
    ) -> None:
        function = getattr(owner, name)

        def told(*arguments: Any, **options: Any) -> Any:
            self.lines.append(PART.sub("PART", f"{as_ or name} {shown(*arguments, **options)}"))
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, told)


def _named(where: Any, *more: Any, **_options: Any) -> str:
    """The path that a request is about: that of an open file, or the one that comes after the session."""
    return str(where.path if isinstance(where, requests.Handle) else more[0])


def _synced(syncer: Syncer) -> str:
    """The names behind the descriptors; the folder that a file has left comes last."""
    names = {fd: os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) for fd in syncer._waiting}
    left = [names[fd] for fd in names if fd in syncer._left]
    return " ".join(sorted(set(names.values()) - set(left)) + [f"then {name}" for name in left])


class Scene:
    """One file, and what a run does with it."""

    def __init__(self, folder: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.outbox, self.inbox = folder / "outbox", folder / "inbox"
        self.outbox.mkdir()
        self.inbox.mkdir()
        self.ledger = str(folder / "ledger.sqlite3")
        with closing(Ledger(self.ledger, create=True)) as ledger:
            for name in (RENAME, PARTIAL_UPLOADS, STAT, STAT_AS_LISTED):
                ledger.learn("odd", name, allowed=True)
        self.told: dict[str, tuple[str, str]] = {}
        self.ended = ""
        self._monkeypatch = monkeypatch

    def nothing_is_known(self) -> None:
        """Of the server, as in an account's very first run."""
        with closing(Ledger(self.ledger)) as ledger:
            ledger.change("DELETE FROM capability", [()])

    def left(self, state: str, **columns: Any) -> None:
        """What an earlier run has left in the ledger."""
        direction, folder, remote = ("pickup", "pickup", "pickup") if "local_path" in columns else (
            "dropoff", str(self.outbox), "input"
        )  # fmt: skip
        path = columns.pop("remote_path", f"{remote}/{NAME}")
        row = Row("odd", direction, folder, NAME, len(CONTENT), TIME * 10**9, "j", path, **columns)
        with closing(Ledger(self.ledger)) as ledger:
            row.state = State(state)
            plant(ledger, row)

    def drop_off(self, upload: str, after: str = "archive", *, content: bytes | None = CONTENT, **options: Any) -> str:
        if content is not None:
            self.put(self.outbox / NAME, content)
        return self._told(Dropoff("j", (str(self.outbox),), "input", settle=0, upload=upload, after=after, **options))

    def pick_up(self, after: str, **options: Any) -> str:
        move_dir = "done" if after == "move" else None
        where = {"dest": str(self.inbox), "remote_dir": "pickup", "move_dir": move_dir}
        return self._told(Pickup("j", **{"settle": 0, "min_free": 0, "after": after, **where, **options}))

    def before(self, kind: Kind, does: Callable[[], object], *, at: int = 1) -> None:
        """Let something happen before the server serves a request of a kind, the first one or a later one."""
        requests = iter(range(1, 1000))

        def hook(call: Call, go: Serve) -> Answer | None:
            if next(requests) == at:
                does()
            return go(call.request)

        self.server.hooks[kind] = hook

    @staticmethod
    def put(path: Path, content: bytes = CONTENT, time: int = TIME) -> None:
        path.write_bytes(content)
        os.utime(path, (time, time))

    def _told(self, job: Dropoff | Pickup) -> str:
        with self._monkeypatch.context() as patched:
            story = Story(patched)
            result = runner.run(job, self.server.account(), ledger=self.ledger)
            self.told = {one.name: (one.outcome, one.reason) for one in result.outcomes}
            self.ended = result.error.reason if result.error else ""
            return ", ".join(line for line in story.lines if ".filedrop-lock-" not in line)


@pytest.fixture
def scene(tmp_path: Path, server: OddServer, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, server, monkeypatch)


# --- a drop-off

RENAME_SENT = (
    "LEDGER intent, create input/PART, LEDGER created, write input/PART, size_of input/PART, finish input/PART, "
    "stat input/a.xml"
)
RENAME_UPLOAD = f"{RENAME_SENT}, LEDGER written"
RENAMED = "rename input/PART, stat input/a.xml, LEDGER renamed"
GIVEN_ITS_NAME = "rename input/PART, LEDGER renamed"
DIRECT_BEGUN = (
    "LEDGER intent, create input/a.xml, stat input/a.xml, LEDGER created, write input/a.xml, size_of input/a.xml, "
    "stat input/a.xml"
)
DIRECT_UPLOAD = f"{DIRECT_BEGUN}, LEDGER written, finish input/a.xml"
ARCHIVED = "move a.xml a.xml, sync archive then outbox, LEDGER delivered (done)"
LOOK = "stat input, stat input/a.xml"  # is the folder there, and the name free
LOOK_AGAIN = "stat input/a.xml, stat input/PART"
LOOK_FOR_BOTH = f"stat input, {LOOK_AGAIN}"
TAKEN_BACK = "remove input/PART, LEDGER abandoned (done)"
THERE = "input/.00000000.part"


def test_a_file_is_sent_under_a_temporary_name(scene: Scene) -> None:
    story = scene.drop_off("rename", "archive")
    assert story == f"{LOOK}, {RENAME_UPLOAD}, LEDGER closed, {RENAMED}, {ARCHIVED}"


def test_a_file_is_sent_under_its_name(scene: Scene) -> None:
    story = scene.drop_off("direct", "delete")
    settled = "unlink a.xml, sync outbox, LEDGER delivered (done)"
    assert story == f"{LOOK}, {DIRECT_UPLOAD}, LEDGER closed, stat input/a.xml, {settled}"


def test_what_a_server_can_do_is_learned_once_it_has_done_it(scene: Scene) -> None:
    scene.nothing_is_known()
    learned = "rename input/PART, stat input/a.xml, LEARNED rename yes, LEDGER renamed"
    assert learned in scene.drop_off("rename")


def test_a_server_that_may_hide_what_is_being_written_is_not_asked_for_it_meanwhile(scene: Scene) -> None:
    scene.nothing_is_known()
    sent = "create input/a.xml, LEDGER created, write input/a.xml, size_of input/a.xml, LEDGER written"
    assert f"{sent}, finish input/a.xml, LEDGER closed, stat input/a.xml, " in scene.drop_off("direct")


@pytest.mark.parametrize(
    ("refused", "end"),
    [
        ({Kind.OPEN}, "LEDGER intent, create input/PART, LEDGER abandoned (done)"),
        ({Kind.WRITE}, f"{RENAME_SENT}, {TAKEN_BACK}"),
        ({Kind.WRITE, Kind.REMOVE}, f"{RENAME_SENT}, remove input/PART, remove input/PART"),
        ({Kind.CLOSE}, f"{RENAME_UPLOAD}, {TAKEN_BACK}"),
        ({Kind.CLOSE, Kind.REMOVE}, f"{RENAME_UPLOAD}, remove input/PART, LEDGER held"),
    ],
    ids=str,
)
def test_what_is_refused_is_taken_back_and_then_forgotten(scene: Scene, refused: set[Kind], end: str) -> None:
    for kind in refused:
        scene.server.answer(kind, REFUSED)
    assert scene.drop_off("rename").endswith(end)


def test_a_rename_that_fails_is_tried_once_more_by_the_next_run(scene: Scene) -> None:
    scene.server.answer(Kind.RENAME, REFUSED)
    looked = f"rename input/PART, stat input/a.xml, {LOOK_AGAIN}"
    assert scene.drop_off("rename").endswith(f"LEDGER closed, {looked}")
    assert scene.drop_off("rename").endswith(f"rename input/PART, {LOOK_AGAIN}, {TAKEN_BACK}")


def test_a_server_that_is_not_known_to_rename_is_known_not_to_once_it_has_refused(scene: Scene) -> None:
    scene.nothing_is_known()
    scene.server.answer(Kind.RENAME, Status(Code.PERMISSION_DENIED, "no"))
    assert scene.drop_off("rename").endswith("remove input/PART, LEDGER abandoned (done), LEARNED rename no")


def test_what_was_renamed_and_called_refused_is_renamed(scene: Scene) -> None:
    def lie(call: Call, go: Serve) -> Answer | None:
        go(call.request)
        return REFUSED

    scene.server.hooks[Kind.RENAME] = lie
    looked = f"rename input/PART, stat input/a.xml, {LOOK_AGAIN}, LEDGER renamed"
    assert f"LEDGER closed, {looked}, {ARCHIVED}" in scene.drop_off("rename")


def test_what_vanishes_instead_of_being_renamed_is_held(scene: Scene) -> None:
    part = scene.server.input.glob(".*.part")
    scene.before(Kind.RENAME, lambda: [path.unlink() for path in part])
    assert scene.drop_off("rename").endswith(f"rename input/PART, stat input/a.xml, {LOOK_AGAIN}, LEDGER held")


def test_what_is_taken_before_it_is_whole_is_held(scene: Scene) -> None:
    scene.before(Kind.FSTAT, (scene.server.input / NAME).unlink)
    assert scene.drop_off("direct").endswith(f"{DIRECT_BEGUN}, LEDGER held")


def test_what_changes_when_it_is_closed_is_held(scene: Scene) -> None:
    scene.before(Kind.LSTAT, lambda: os.truncate(scene.server.input / NAME, 3), at=4)
    assert scene.drop_off("direct").endswith(f"{DIRECT_UPLOAD}, LEDGER closed, stat input/a.xml, LEDGER held")


def test_a_file_that_changes_while_it_is_sent_is_never_called_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = folder_module.SourceFile.read

    def touched(source: folder_module.SourceFile, length: int) -> bytes:
        data = read(source, length)
        os.utime(scene.outbox / NAME, (1, 1))
        return data

    monkeypatch.setattr(folder_module.SourceFile, "read", touched)
    story = scene.drop_off("rename")
    assert story.endswith("write input/PART, remove input/PART, finish input/PART, LEDGER abandoned (done)")
    assert "LEDGER written" not in story


def test_a_piece_that_is_refused_leaves_a_hole_that_the_size_does_not_tell(scene: Scene) -> None:
    pieces = iter(range(1, 1000))

    def refuse_first(call: Call, go: Serve) -> Answer | None:
        return REFUSED if next(pieces) == 1 else go(call.request)

    scene.server.hooks[Kind.WRITE] = refuse_first
    story = scene.drop_off("rename", content=bytes(600 * 1024))
    assert story.endswith(f"{RENAME_SENT}, {TAKEN_BACK}")
    assert "LEDGER written" not in story


def test_a_server_that_shows_uploads_no_more_is_known_not_to(scene: Scene) -> None:
    looks = iter(range(1, 1000))
    hidden = (3, 4)  # the looks while the file is open

    def look(call: Call, go: Serve) -> Answer | None:
        return Status(Code.NO_SUCH_FILE, "") if next(looks) in hidden else go(call.request)

    scene.server.hooks[Kind.LSTAT] = look
    assert f"LEDGER closed, stat input/a.xml, LEARNED partial_uploads no, {ARCHIVED}" in scene.drop_off("direct")


def test_what_a_killed_run_left_in_the_archive_goes_first(scene: Scene) -> None:
    (scene.outbox / "archive").mkdir()
    scene.put(scene.outbox / "archive" / f"{part_prefix(scene.ledger, 'odd', 'j')}000000000000.part")
    assert scene.drop_off("rename").endswith(f"{RENAMED}, unlink PART, {ARCHIVED}")


@pytest.mark.parametrize(("upload", "there"), [("rename", ".00000000.part"), ("direct", NAME)])
def test_what_is_in_the_way_of_what_was_asked_for_before_may_be_ours(scene: Scene, upload: str, there: str) -> None:
    """The server gets late what a lost connection was asked: after our look, and before we ask again."""
    scene.left("intent", temporary=THERE if upload == "rename" else None)
    scene.before(Kind.OPEN, lambda: scene.put(scene.server.input / there, b""))
    name = "PART" if upload == "rename" else NAME
    assert scene.drop_off(upload).endswith(f"LEDGER intent, create input/{name}, stat input/{name}")
    assert scene.told[NAME][0] == "failed"
    scene.drop_off(upload)
    assert scene.told == {NAME: ("delivered", "")}
    assert [path.name for path in scene.server.input.iterdir()] == [NAME]


def test_what_is_refused_with_nothing_in_the_way_is_no_longer_asked_for(scene: Scene) -> None:
    scene.left("intent", temporary=THERE)
    scene.server.answer(Kind.OPEN, REFUSED)
    assert scene.drop_off("rename").endswith("create input/PART, stat input/PART, LEDGER abandoned (done)")


# --- what is looked at on the way


def test_an_archive_that_cannot_be_written_is_told_before_anything_is_sent(scene: Scene) -> None:
    scene.inbox.chmod(0o500)
    assert without_privileges(lambda: scene.drop_off("rename", archive_dir=str(scene.inbox))) == ""
    assert scene.ended == "local_denied"


def test_a_destination_that_cannot_be_written_is_told_before_anybody_is_called(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    scene.inbox.chmod(0o500)
    with pytest.raises(DiskError) as caught:
        without_privileges(lambda: scene.pick_up("delete"))
    assert caught.value.reason == "local_denied"
    assert scene.server.seen == []


def test_a_name_that_is_taken_is_not_even_begun(scene: Scene) -> None:
    scene.put(scene.server.input / NAME, b"theirs")
    assert scene.drop_off("rename") == LOOK
    assert scene.told == {NAME: ("waiting", "name_taken")}


def test_a_name_that_somebody_takes_meanwhile_is_left_to_them(scene: Scene) -> None:
    scene.before(Kind.FSTAT, lambda: scene.put(scene.server.input / NAME, b"theirs"))
    assert scene.drop_off("rename").endswith(f"{RENAME_SENT}, {TAKEN_BACK}")
    assert scene.told == {NAME: ("waiting", "name_taken")}
    assert (scene.server.input / NAME).read_bytes() == b"theirs"


def test_a_name_that_somebody_takes_at_the_last_moment_is_left_to_them(scene: Scene) -> None:
    scene.before(Kind.RENAME, lambda: scene.put(scene.server.input / NAME, b"theirs"))
    assert scene.drop_off("rename").endswith(f"{LOOK_AGAIN}, remove input/PART, LEDGER abandoned (done)")
    assert scene.told == {NAME: ("waiting", "name_taken")}


@pytest.mark.parametrize(
    ("upload", "end"),
    [
        ("rename", f"{RENAME_SENT}, stat input/PART, {TAKEN_BACK}"),
        ("direct", f"{DIRECT_BEGUN}, size_of input/a.xml, {TAKEN_BACK.replace('PART', 'a.xml, finish input/a.xml')}"),
    ],
)
def test_a_size_that_is_not_that_of_the_file_is_no_delivery(scene: Scene, upload: str, end: str) -> None:
    scene.before(Kind.FSTAT, lambda: [os.truncate(path, 3) for path in scene.server.input.iterdir()])
    assert scene.drop_off(upload).endswith(end)
    assert scene.told == {NAME: ("failed", "incomplete")}


@pytest.mark.parametrize(
    ("upload", "again"), [("rename", "stat input/PART, LEDGER written"), ("direct", "size_of input/a.xml")]
)
def test_a_server_that_had_not_seen_to_all_of_it_is_asked_again(scene: Scene, upload: str, again: str) -> None:
    scene.server.answer(Kind.FSTAT, Stats(Attributes(size=3)), Stats(Attributes(size=len(CONTENT))))
    story = scene.drop_off(upload)
    assert f"stat input/a.xml, {again}" in story
    assert story.endswith(ARCHIVED)
    assert scene.told == {NAME: ("delivered", "")}


def test_a_server_that_had_closed_it_before_it_told_its_size_is_asked_again(scene: Scene) -> None:
    scene.server.answer(Kind.FSTAT, REFUSED)
    assert f"{RENAME_SENT}, stat input/PART, LEDGER written" in scene.drop_off("rename")
    assert scene.told == {NAME: ("delivered", "")}


@pytest.mark.parametrize("there", [True, False])
def test_a_server_that_looks_before_it_renames_is_asked_again(scene: Scene, there: bool) -> None:
    """It works at several requests at once; or somebody has taken the file already."""
    if not there:
        scene.before(Kind.LSTAT, (scene.server.input / NAME).unlink, at=4)
    looks = iter(range(1, 1000))
    look: Hook = scene.server.hooks.get(Kind.LSTAT, lambda call, go: go(call.request))
    nothing = Status(Code.NO_SUCH_FILE, "")
    scene.server.hooks[Kind.LSTAT] = lambda call, go: nothing if next(looks) == 4 else look(call, go)
    assert scene.drop_off("rename").endswith(f"LEDGER renamed, stat input/a.xml, {ARCHIVED}")
    assert scene.told == {NAME: ("delivered", "")}


def test_a_size_that_is_another_once_it_was_renamed_is_held(scene: Scene) -> None:
    scene.before(Kind.CLOSE, lambda: [os.truncate(path, 3) for path in scene.server.input.iterdir()])
    assert scene.drop_off("rename").endswith(f"{RENAMED}, LEDGER held")
    assert scene.told == {NAME: ("held", "size_changed")}


def test_a_size_that_only_a_look_tells_is_the_one_after_all_is_acknowledged(scene: Scene) -> None:
    scene.server.answer(Kind.FSTAT, Stats(Attributes()))
    looks = iter(range(1, 1000))
    early = Stats(Attributes(size=3))
    scene.server.hooks[Kind.LSTAT] = lambda call, go: early if next(looks) == 4 else go(call.request)
    assert scene.drop_off("direct").endswith(ARCHIVED)
    assert scene.told == {NAME: ("delivered", "")}


def test_what_is_taken_where_only_a_look_tells_its_size_is_held(scene: Scene) -> None:
    scene.server.answer(Kind.FSTAT, Stats(Attributes()))
    scene.before(Kind.LSTAT, (scene.server.input / NAME).unlink, at=4)
    assert scene.drop_off("direct").endswith("stat input/a.xml, LEDGER held")
    assert scene.told == {NAME: ("held", "maybe_incomplete")}


def test_without_any_size_nothing_is_delivered(scene: Scene) -> None:
    scene.server.answer(Kind.FSTAT, Stats(Attributes()))
    looks = iter(range(1, 1000))
    scene.server.hooks[Kind.LSTAT] = lambda call, go: Stats(Attributes()) if next(looks) == 4 else go(call.request)
    assert scene.drop_off("rename").endswith(f"{RENAME_SENT}, stat input/PART, {TAKEN_BACK}")
    assert scene.told == {NAME: ("failed", "unverified")}


def test_what_is_never_seen_where_uploads_are_shown_was_taken_too_early(scene: Scene) -> None:
    looks = iter(range(1, 1000))
    hide = Status(Code.NO_SUCH_FILE, "")
    scene.server.hooks[Kind.LSTAT] = lambda call, go: hide if next(looks) > 2 else go(call.request)
    assert scene.drop_off("direct").endswith("LEDGER closed, stat input/a.xml, LEDGER held")
    assert scene.told == {NAME: ("held", "maybe_incomplete")}


# --- a drop-off that an earlier run has begun


def test_an_upload_that_was_whole_gets_its_name(scene: Scene) -> None:
    scene.left("closed", temporary=THERE)
    scene.put(scene.server.input / ".00000000.part")
    assert scene.drop_off("rename") == f"{LOOK_FOR_BOTH}, {GIVEN_ITS_NAME}, {ARCHIVED}"


def test_an_upload_that_waited_for_its_name_is_noted_as_before_it_gets_that(scene: Scene) -> None:
    scene.left("awaiting_name", reason="name_taken", temporary=THERE)
    scene.put(scene.server.input / ".00000000.part")
    assert scene.drop_off("rename") == f"{LOOK_FOR_BOTH}, LEDGER closed, {GIVEN_ITS_NAME}, {ARCHIVED}"


def test_what_is_found_delivered_is_noted_before_the_original_goes(scene: Scene) -> None:
    scene.left("closed", temporary=THERE)
    scene.put(scene.server.input / NAME)
    assert scene.drop_off("rename") == f"{LOOK_FOR_BOTH}, LEDGER renamed, {ARCHIVED}"


def test_what_must_have_been_taken_is_noted_before_the_original_goes(scene: Scene) -> None:
    scene.left("written", visible=True, verified_by="open handle")
    assert scene.drop_off("direct") == f"{LOOK}, LEDGER closed, {ARCHIVED}"


@pytest.mark.parametrize(
    ("upload", "row", "looked"),
    [
        ("rename", {"state": "closed", "temporary": THERE}, LOOK_FOR_BOTH),
        ("direct", {"state": "created", "visible": True}, LOOK),
    ],
)
def test_what_nobody_can_know_is_held(scene: Scene, upload: str, row: dict[str, Any], looked: str) -> None:
    scene.left(**row)
    assert scene.drop_off(upload) == f"{looked}, LEDGER held"


def test_what_waits_for_a_person_is_not_looked_at(scene: Scene) -> None:
    scene.left("held", reason="ambiguous", temporary=THERE)
    assert scene.drop_off("rename") == "stat input"
    assert scene.told == {NAME: ("held", "ambiguous")}


def test_what_nobody_can_know_is_sent_again_where_that_is_wanted(scene: Scene) -> None:
    scene.left("closed", temporary=THERE)
    story = scene.drop_off("rename", ambiguous="resend")
    assert story.startswith(f"{LOOK_FOR_BOTH}, stat input/a.xml, {RENAME_UPLOAD}")


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_what_is_to_be_sent_again_and_whose_name_is_taken_is_not_even_begun(scene: Scene, upload: str) -> None:
    scene.left("intent", temporary=THERE if upload == "rename" else None)
    scene.before(Kind.LSTAT, lambda: scene.put(scene.server.input / NAME, b"theirs"), at=4 if upload == "rename" else 3)
    assert scene.drop_off(upload).endswith("stat input/a.xml")
    assert scene.told == {NAME: ("waiting", "name_taken")}


def test_what_was_begun_and_is_gone_is_closed_and_told(scene: Scene) -> None:
    scene.left("intent", temporary=THERE)
    assert scene.drop_off("rename", content=None) == f"{LOOK_FOR_BOTH}, LEDGER abandoned (done)"
    assert scene.told == {NAME: ("failed", "local_missing")}


def test_a_part_of_ours_is_removed_before_the_file_is_sent_anew(scene: Scene) -> None:
    scene.left("created", temporary=THERE)
    scene.put(scene.server.input / ".00000000.part", b"<")
    story = scene.drop_off("rename")
    assert story.startswith(f"{LOOK_FOR_BOTH}, remove input/PART, stat input/a.xml, {RENAME_UPLOAD}")


def test_a_part_of_ours_under_the_file_s_name_is_written_anew(scene: Scene) -> None:
    scene.left("created", visible=True)
    scene.put(scene.server.input / NAME, b"<")
    assert scene.drop_off("direct").startswith(f"{LOOK}, rewrite input/a.xml, stat input/a.xml, LEDGER created, write")


def test_what_was_begun_with_another_content_is_closed_before_the_new_one_is_begun(scene: Scene) -> None:
    scene.left("created", temporary=THERE)
    story = scene.drop_off("rename", content=b"<credit-note/>")
    assert story.startswith(f"{LOOK_FOR_BOTH}, LEDGER abandoned (done), stat input/a.xml, {RENAME_UPLOAD}")


def test_what_was_begun_and_touched_since_is_another_file(scene: Scene) -> None:
    """The row would go on knowing it by its old time, and the next run send it again."""
    scene.left("created", temporary=THERE)
    scene.put(scene.outbox / NAME, CONTENT, TIME + 1)
    story = scene.drop_off("rename", "keep", content=None)
    assert story.startswith(f"{LOOK_FOR_BOTH}, LEDGER abandoned (done), stat input/a.xml, {RENAME_UPLOAD}")
    assert scene.drop_off("rename", "keep", content=None) == ""


def test_a_part_of_ours_under_the_name_of_a_file_that_is_another_now_is_removed(scene: Scene) -> None:
    scene.left("created", visible=True)
    scene.put(scene.server.input / NAME, b"<")
    story = scene.drop_off("direct", content=b"<credit-note/>")
    assert story.startswith(f"{LOOK}, remove input/a.xml, LEDGER abandoned (done), stat input/a.xml, {DIRECT_BEGUN}")


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("discarding", "LEDGER discarded (done)"),
        ("resend", f"stat input/a.xml, {RENAME_UPLOAD}, LEDGER closed, {RENAMED}, {ARCHIVED}"),
    ],
)
def test_what_a_person_has_decided_begins_with_the_removal_of_our_part(scene: Scene, state: str, end: str) -> None:
    scene.left(state, reason="resolved", temporary=THERE)
    scene.put(scene.server.input / ".00000000.part")
    assert scene.drop_off("rename") == f"{LOOK_FOR_BOTH}, remove input/PART, {end}"


# --- a pickup

CAME = "download pickup/a.xml, finish pickup/a.xml, stat pickup/a.xml"
FETCHED = f"{CAME}, sync PART inbox"
PLACED = "LEDGER placing, move PART a.xml, sync inbox, LEDGER placed"
LIST = "finish pickup"
LAST_LOOK = 3  # of a run


@pytest.mark.parametrize(
    ("after", "end"),
    [
        ("delete", "stat pickup/a.xml, remove pickup/a.xml, LEDGER fetched (done)"),
        ("move", "stat done/a.xml, stat pickup/a.xml, rename pickup/a.xml, LEDGER fetched (done)"),
        ("keep", "LEDGER kept (done)"),
    ],
)
def test_a_file_is_fetched(scene: Scene, after: str, end: str) -> None:
    scene.server.answer(Kind.RENAME, DONE)
    scene.put(scene.server.pickup / NAME)
    assert scene.pick_up(after) == f"{LIST}, {FETCHED}, {PLACED}, {end}"


def test_that_files_can_be_looked_at_is_learned_before_the_first_is_fetched(scene: Scene) -> None:
    scene.nothing_is_known()
    scene.put(scene.server.pickup / NAME)
    assert scene.pick_up("keep").startswith(
        f"{LIST}, stat pickup/a.xml, LEARNED stat yes, LEARNED stat_as_listed yes, {FETCHED}"
    )


def test_a_download_that_is_cut_short_is_none(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    scene.server.answer(Kind.READ, Data(CONTENT[:3]), Status(Code.EOF, ""))
    assert scene.pick_up("delete").endswith(f"{CAME}, unlink PART")
    assert scene.told == {NAME: ("failed", "incomplete")}


ANOTHER = pytest.mark.parametrize(
    ("content", "time"), [(b"another", TIME), (CONTENT[::-1], TIME + 1)], ids=["by its size", "by its time"]
)


@ANOTHER
def test_a_file_that_changes_while_it_is_fetched_is_not_taken(scene: Scene, content: bytes, time: int) -> None:
    scene.put(scene.server.pickup / NAME)
    scene.before(Kind.CLOSE, lambda: scene.put(scene.server.pickup / NAME, content, time), at=2)
    assert scene.pick_up("delete").endswith(f"{FETCHED}, LEARNED stat_as_listed no, unlink PART")
    assert scene.told == {NAME: ("failed", "changed_while_read")}


def test_a_file_that_is_read_twice_with_different_content_is_not_taken(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    reads = iter(range(1, 1000))
    other = Data(CONTENT[::-1])
    scene.server.hooks[Kind.READ] = lambda call, go: other if next(reads) == 3 else go(call.request)
    assert scene.pick_up("delete", verify="reread").endswith("unlink PART")
    assert scene.told == {NAME: ("failed", "not_the_same_twice")}


@pytest.mark.parametrize(
    ("checksum", "reason"), [(None, "sidecar_missing"), (b"", "sidecar_missing"), (b"0" * 64, "checksum_differs")]
)
def test_a_file_without_its_checksum_is_not_taken(scene: Scene, checksum: bytes | None, reason: str) -> None:
    scene.put(scene.server.pickup / NAME)
    if checksum is not None:
        scene.put(scene.server.pickup / f"{NAME}.sha256", checksum)
    assert "unlink PART" in scene.pick_up("delete", verify="sidecar", include=(NAME,))
    assert scene.told == {NAME: ("failed", reason)}


def test_a_file_that_there_is_no_room_for_is_not_begun(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    assert "download" not in scene.pick_up("delete", min_free=2**60)
    assert scene.told == {NAME: ("failed", "min_free")}


def test_what_was_replaced_stays_and_what_came_is_done(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    scene.before(Kind.LSTAT, lambda: (scene.server.pickup / NAME).write_bytes(b"another"), at=2)
    story = scene.pick_up("delete")
    assert story.endswith(f"{PLACED}, stat pickup/a.xml, LEARNED stat_as_listed no, LEDGER fetched (done)")


def test_a_duplicate_is_held_before_its_part_goes(scene: Scene) -> None:
    for _time in range(2):
        scene.put(scene.server.pickup / NAME)
        story = scene.pick_up("delete", on_duplicate="hold")
    assert story == f"{LIST}, {FETCHED}, LEDGER held, unlink PART"


def test_another_file_of_a_name_that_is_not_done_closes_that_first(scene: Scene) -> None:
    scene.left("placed", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256="0")
    scene.put(scene.server.pickup / NAME)
    assert f"{FETCHED}, LEDGER fetched (done), {PLACED}" in scene.pick_up("delete")


def test_a_part_for_which_the_ledger_could_not_be_written_is_removed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before `placing` was asked for, nothing would ever speak of it."""
    scene.left("placed", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256="0")
    scene.put(scene.server.pickup / NAME)
    monkeypatch.setattr(database, "BUSY_TIMEOUT", 0.1)
    with closing(sqlite3.connect(scene.ledger, isolation_level=None, check_same_thread=False)) as other:
        scene.before(Kind.READ, lambda: other.execute("BEGIN IMMEDIATE"))
        assert scene.pick_up("delete").endswith(f"{FETCHED}, unlink PART")
    assert scene.ended == "ledger_locked"
    assert (scene.server.pickup / NAME).exists()


def test_a_part_that_was_about_to_be_published_is(scene: Scene) -> None:
    scene.left("placing", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256="0")
    scene.put(scene.inbox / ".filedrop-0-0.part")
    assert scene.pick_up("delete") == f"{LIST}, {PLACED}, LEDGER fetched (done)"


DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_a_part_that_is_gone_was_published_if_its_content_is_there(scene: Scene) -> None:
    """Its folder may not be synced yet."""
    scene.left("placing", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256=DIGEST)
    scene.put(scene.inbox / NAME)
    assert scene.pick_up("delete") == f"{LIST}, sync inbox, LEDGER placed, LEDGER fetched (done)"


@pytest.mark.parametrize("there", [None, b"theirs", bytes(len(CONTENT))])
def test_a_part_that_is_gone_without_its_content_proves_nothing(scene: Scene, there: bytes | None) -> None:
    """Somebody may have taken the file, or removed the part."""
    scene.left("placing", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256=DIGEST)
    scene.put(scene.server.pickup / NAME)
    if there is not None:
        scene.put(scene.inbox / NAME, there)
    assert scene.pick_up("delete") == f"{LIST}, LEDGER held"
    assert scene.told == {NAME: ("held", "no_copy")}
    assert (scene.server.pickup / NAME).exists()


def test_a_part_that_is_removed_before_it_is_published_is_fetched_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(scene.server.pickup / NAME)
    publish = workflow_module.publish

    def removed(folder: folder_module.Folder, part: str, final: str) -> bool:
        folder.remove(part)
        return publish(folder, part, final)

    monkeypatch.setattr(workflow_module, "publish", removed)
    assert scene.pick_up("delete").endswith("LEDGER placing, unlink PART, move PART a.xml, LEDGER forgotten (done)")
    assert scene.told == {NAME: ("failed", "part_removed")}
    monkeypatch.setattr(workflow_module, "publish", publish)
    assert scene.pick_up("delete").endswith("LEDGER fetched (done)")
    assert (scene.inbox / NAME).read_bytes() == CONTENT


def test_another_file_under_the_name_that_a_part_was_about_to_get_is_not_taken_for_it(scene: Scene) -> None:
    scene.left("placing", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256="0")
    scene.put(scene.inbox / ".filedrop-0-0.part")
    scene.put(scene.inbox / NAME, b"theirs")
    placed = "LEDGER placing, move PART a.2.xml, sync inbox, LEDGER placed"
    assert scene.pick_up("delete") == f"{LIST}, {placed}, LEDGER fetched (done)"
    assert [(scene.inbox / name).read_bytes() for name in (NAME, "a.2.xml")] == [b"theirs", CONTENT]


def test_a_part_that_is_published_by_a_link_loses_its_own_name_once_the_other_is_safe(scene: Scene) -> None:
    scene.left("placing", local_path=str(scene.inbox / NAME), temporary=".filedrop-0-0.part", sha256=DIGEST)
    scene.put(scene.inbox / ".filedrop-0-0.part")
    os.link(scene.inbox / ".filedrop-0-0.part", scene.inbox / NAME)
    story = scene.pick_up("delete")
    assert story == f"{LIST}, sync inbox, unlink PART, sync inbox, LEDGER placed, LEDGER fetched (done)"


def test_parts_that_were_never_verified_go_first(scene: Scene) -> None:
    scene.put(scene.inbox / f"{part_prefix(scene.ledger, 'odd', 'j')}000000000000.part")
    assert scene.pick_up("delete") == f"{LIST}, unlink PART"


def test_what_is_to_be_fetched_again_and_is_gone_is_closed(scene: Scene) -> None:
    scene.left("resend", reason="resolved", local_path=str(scene.inbox / NAME))
    assert scene.pick_up("delete") == f"{LIST}, LEDGER abandoned (done)"


def test_a_part_that_cannot_be_made_ready_is_removed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_access: Permissions, _fd: int) -> None:
        raise DiskError("group_denied", "No.")

    monkeypatch.setattr(Permissions, "give", refuse)
    scene.put(scene.server.pickup / NAME)
    assert scene.pick_up("delete") == f"{LIST}, {CAME}, unlink PART"


# --- a pickup of files that are claimed

CLAIM = "pickup/.filedrop-claim-here-00000000-a.xml.part"
ALL = Share(0, 1)


def test_a_file_that_somebody_takes_before_it_is_claimed_is_theirs(scene: Scene) -> None:
    """It does not mean that the server lets nothing be renamed; that would end all claims of this account."""
    scene.put(scene.server.pickup / NAME)
    scene.before(Kind.RENAME, (scene.server.pickup / NAME).unlink)
    story = scene.pick_up("delete", share=ALL)
    assert "LEARNED" not in story
    assert "download" not in story
    assert story.endswith("LEDGER forgotten (done), unlink PART")
    assert scene.told == {NAME: ("skipped", "claimed_elsewhere")}


def test_a_claim_that_no_listing_shows_is_looked_for_before_it_is_forgotten(scene: Scene) -> None:
    """A rename that was asked for before a cut may be done while the folder is being listed: neither name is seen."""
    scene.left("claiming", local_path=None, remote_path=CLAIM)
    scene.before(Kind.CLOSE, lambda: scene.put(scene.server.pickup / os.path.basename(CLAIM)))
    assert scene.pick_up("delete", share=ALL) == f"{LIST}, stat {CLAIM}"
    assert scene.pick_up("delete", share=ALL).endswith(f"remove {CLAIM}, LEDGER fetched (done)")
    assert (scene.inbox / NAME).read_bytes() == CONTENT


def test_a_run_is_remembered(scene: Scene) -> None:
    scene.put(scene.server.pickup / NAME)
    scene.pick_up("delete")
    with closing(Ledger(scene.ledger)) as ledger:
        assert ledger.look("SELECT delivered, failed, reason FROM run", ()) == [(1, 0, "")]
