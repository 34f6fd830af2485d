# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff.item import DropoffItem
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.dropoff.plan import DropoffPlan
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning.sets import files_of
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.tally import Tally
from support.ledgers import plant
from support.rights import without_privileges

OLD = 1_600_000_000  # seconds since 1970


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger" / "ledger"), create=True)) as opened:
        yield opened


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, *, size: int = 3, time: float = OLD) -> Path:
    path = folder / name
    path.write_bytes(bytes(size))
    os.utime(path, (time, time))
    return path


@dataclass
class Planned:
    """A whole plan."""

    items: list[DropoffItem]
    outcomes: list[FileOutcome]
    known: int
    notes: list[str]


def plan(ledger: Ledger, *folders: Path, note: bool = True, **options: Any) -> Planned:
    job = Dropoff(name="invoices", sources=tuple(map(str, folders)), remote_dir="in")
    tally = Tally(1000)
    made = DropoffPlan(replace(job, **options), "acme", ledger, tally, check=not note)
    made.scan()
    items = [item for turn in made.items() for item in files_of(turn)]
    return Planned(items, tally.result(None).outcomes, made.known, list(made.notes()))


def to_send(found: Planned) -> list[str]:
    return [item.name for item in found.items]


def left_out(found: Planned) -> dict[str, tuple[str, str]]:
    return {one.name: (one.outcome, one.reason) for one in found.outcomes}


def remember(ledger: Ledger, path: Path, state: str, **changes: Any) -> Row:
    status = path.stat()
    row = Row(
        account="acme",
        direction="dropoff",
        folder=str(path.parent),
        name=path.name,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        job="invoices",
        remote_path=f"in/{path.name}",
    )
    plant(ledger, replace(row, state=State(state), **changes))
    return row


def test_the_oldest_go_first(ledger: Ledger, outbox: Path) -> None:
    for name, time in (("b", OLD), ("new", OLD + 9), ("a", OLD), ("oldest", OLD - 1)):
        put(outbox, name, time=time)
    assert to_send(plan(ledger, outbox)) == ["oldest", "a", "b", "new"]


def test_what_nobody_asks_for_is_not_spoken_of(ledger: Ledger, outbox: Path) -> None:
    for name in ("a.xml", "b.csv", "c.xml.part", "d.xml~", "e.tmp"):
        put(outbox, name)
    (outbox / "archive").mkdir()
    found = plan(ledger, outbox, include=("*.xml", "*.xml.*", "*~"), exclude=("*~",))
    assert to_send(found) == ["a.xml"]
    assert left_out(found) == {}


def test_what_is_no_ordinary_file_is_left_alone_with_one_note(ledger: Ledger, outbox: Path) -> None:
    put(outbox, "a.xml")
    (outbox / "link.xml").symlink_to("/etc/passwd")
    (outbox / "folder.xml").mkdir()
    os.mkfifo(outbox / "fifo.xml")
    put(outbox, "line\nbreak.xml")
    put(outbox, os.fsdecode(b"caf\xe9.xml"))
    found = plan(ledger, outbox)
    assert to_send(found) == ["a.xml"]
    (note,) = found.notes
    told = ("'link.xml' (a link)", "'folder.xml' (a folder)", "'fifo.xml' (a special file)")
    assert all(words in note for words in told)
    assert "more" not in note
    assert left_out(found) == {
        "line\nbreak.xml": ("failed", "name_refused"),
        os.fsdecode(b"caf\xe9.xml"): ("failed", "name_refused"),
    }
    assert {one.local_path for one in found.outcomes} == {str(outbox / name) for name in left_out(found)}


def test_the_archive_is_no_source(ledger: Ledger, outbox: Path) -> None:
    (outbox / "sent").mkdir()
    found = plan(ledger, outbox, archive_dir=str(outbox / "sent"))
    assert (to_send(found), left_out(found)) == ([], {})
    assert left_out(plan(ledger, outbox)) == {}
    assert ["'sent' (a folder)" in note for note in plan(ledger, outbox).notes] == [True]
    assert plan(ledger, outbox, exclude=("sent",)).notes == []


def test_a_note_shows_the_first_few_names_only(ledger: Ledger, outbox: Path) -> None:
    for number in range(9):
        (outbox / f"folder-{number}").mkdir()
    (note,) = plan(ledger, outbox).notes
    assert note.count("(a folder)") == 5
    assert ", and 4 more. Only regular files" in note


def test_a_source_that_is_itself_no_file_is_refused(ledger: Ledger, outbox: Path) -> None:
    put(outbox, "a.xml")
    (outbox / "link.xml").symlink_to(outbox / "a.xml")
    found = plan(ledger, outbox, sources=(str(outbox / "link.xml"),))
    assert left_out(found) == {"link.xml": ("failed", "not_a_file")}
    assert found.notes == []


@pytest.mark.parametrize(
    ("empty", "sent", "outcome"),
    [("transfer", ["e.xml"], {}), ("refuse", [], {"e.xml": "failed"}), ("skip", [], {"e.xml": "skipped"})],
)
def test_empty_files_go_by_their_policy(
    ledger: Ledger, outbox: Path, empty: str, sent: list[str], outcome: dict[str, str]
) -> None:
    put(outbox, "e.xml", size=0)
    found = plan(ledger, outbox, empty=empty)
    assert to_send(found) == sent
    assert {name: one for name, (one, _reason) in left_out(found).items()} == outcome


def test_what_is_not_settled_is_skipped_and_noted_only_if_that_is_allowed(ledger: Ledger, outbox: Path) -> None:
    path = put(outbox, "young.xml", time=4e9)
    key = ("acme", "dropoff", str(outbox))
    sighting = [("young.xml", 3, path.stat().st_mtime_ns)]
    assert left_out(plan(ledger, outbox, note=False)) == {"young.xml": ("waiting", "unsettled")}
    assert ledger.sightings(*key, sighting) == {}
    assert left_out(plan(ledger, outbox)) == {"young.xml": ("waiting", "unsettled")}
    assert ledger.sightings(*key, sighting).keys() == {"young.xml"}


def test_a_source_may_be_a_file(ledger: Ledger, outbox: Path) -> None:
    put(outbox, "a.xml")
    put(outbox, "b.xml")
    put(outbox, "c.part")
    assert to_send(plan(ledger, outbox / "a.xml", outbox / "c.part")) == ["a.xml", "c.part"]
    assert to_send(plan(ledger, outbox, outbox / "a.xml")) == ["a.xml", "b.xml"]


@pytest.mark.parametrize("name", ["nowhere", "nowhere/a.xml"])
def test_a_source_that_is_not_there_is_named(ledger: Ledger, outbox: Path, name: str) -> None:
    with pytest.raises(DiskError) as caught:
        plan(ledger, outbox, outbox / name)
    assert caught.value.reason == "local_missing"
    assert str(outbox / name) in caught.value.finding


def test_of_two_files_of_one_name_one_goes(ledger: Ledger, outbox: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    put(outbox, "a.xml")
    put(other, "a.xml")
    put(other, "b.xml")
    found = plan(ledger, outbox, other)
    assert [item.folder.path_of(item.name) for item in found.items] == [str(outbox / "a.xml"), str(other / "b.xml")]
    assert left_out(found) == {"a.xml": ("waiting", "name_taken")}
    assert found.outcomes[0].local_path == str(other / "a.xml")


# --- what the ledger knows


def test_what_was_left_unfinished_is_taken_up_whatever_became_of_its_file(ledger: Ledger, outbox: Path) -> None:
    """Also if the file is gone, is not settled, or is not asked for any more."""
    for name in ("there.xml", "gone.xml", "young.xml", "other.csv"):
        remember(ledger, put(outbox, name), "created")
    (outbox / "gone.xml").unlink()
    put(outbox, "young.xml", time=4e9)
    found = plan(ledger, outbox, include=("*.xml",))
    assert {item.name: bool(item.row) for item in found.items} == dict.fromkeys(
        ("there.xml", "gone.xml", "young.xml", "other.csv"), True
    )
    assert {item.name for item in found.items if item.file is None} == {"gone.xml", "other.csv"}


def test_what_was_left_of_a_source_that_the_job_does_not_have_is_reported_and_left_alone(
    ledger: Ledger, outbox: Path, tmp_path: Path
) -> None:
    """The ledger may belong to somebody else, whose rows must not lead a run to another folder."""
    former = tmp_path / "former"
    former.mkdir()
    remember(ledger, put(former, "former.xml"), "closed")
    remember(ledger, put(former, "held.xml"), "held")
    found = plan(ledger, outbox)
    assert to_send(found) == []
    assert left_out(found) == {"former.xml": ("failed", "other_folder"), "held.xml": ("held", "held")}
    assert str(former) in found.outcomes[0].message
    assert to_send(plan(ledger, outbox, former)) == ["former.xml", "held.xml"]


def test_what_was_delivered_and_kept_is_not_sent_again_until_it_changes(ledger: Ledger, outbox: Path) -> None:
    path = put(outbox, "a.xml")
    remember(ledger, path, "delivered")
    found = plan(ledger, outbox, after="keep")
    assert (to_send(found), found.known) == ([], 1)
    for change in ({"size": 4}, {"time": OLD + 1}):
        put(outbox, "a.xml", **change)
        found = plan(ledger, outbox, after="keep")
        assert (to_send(found), found.known) == (["a.xml"], 0)
        assert found.items[0].row is None


def test_what_was_delivered_and_not_yet_archived_is_looked_at_again(ledger: Ledger, outbox: Path) -> None:
    path = put(outbox, "a.xml")
    remember(ledger, path, "delivered", local_path=str(path))
    found = plan(ledger, outbox)
    assert to_send(found) == ["a.xml"]
    assert found.items[0].row is not None


@pytest.mark.parametrize("other", [{"account": "bank"}, {"direction": "pickup"}])
def test_other_accounts_do_not_count(ledger: Ledger, outbox: Path, other: dict[str, str]) -> None:
    path = put(outbox, "a.xml")
    remember(ledger, path, "delivered", **other)
    found = plan(ledger, outbox, after="keep")
    assert to_send(found) == ["a.xml"]
    assert found.items[0].row is None


@pytest.mark.parametrize(("state", "outcome"), [("created", ("failed", "other_job")), ("held", ("held", "ambiguous"))])
def test_what_another_job_has_in_its_hands_is_left_to_it(
    ledger: Ledger, outbox: Path, state: str, outcome: tuple[str, str]
) -> None:
    remember(ledger, put(outbox, "a.xml"), state, job="other", reason="ambiguous")
    put(outbox, "b.xml")
    found = plan(ledger, outbox)
    assert to_send(found) == ["b.xml"]
    assert left_out(found) == {"a.xml": outcome}
    assert "'other'" in found.outcomes[0].message


def test_check_mode_foresees_that_what_another_job_has_left_is_taken_over(ledger: Ledger, outbox: Path) -> None:
    remember(ledger, put(outbox, "a.xml"), "created", job="other")
    found = plan(ledger, outbox, note=False)
    assert (to_send(found), left_out(found)) == (["a.xml"], {})
    assert found.items[0].row is not None  # it is judged by what the other job has done


def test_what_was_abandoned_is_sent_as_if_it_were_new(ledger: Ledger, outbox: Path) -> None:
    remember(ledger, put(outbox, "a.xml"), "abandoned")
    found = plan(ledger, outbox, after="keep")
    assert to_send(found) == ["a.xml"]
    assert found.items[0].row is None


@pytest.mark.parametrize(
    ("after", "found"), [("archive", "local_denied"), ("delete", "local_denied"), ("keep", ["a.xml"])]
)
def test_a_source_that_originals_cannot_leave_is_refused(
    tmp_path: Path, outbox: Path, after: str, found: str | list[str]
) -> None:
    put(outbox, "a.xml")
    outbox.chmod(0o500)

    def planned() -> str | list[str]:
        with closing(Ledger(str(tmp_path / "another"), create=True)) as ledger:
            try:
                return to_send(plan(ledger, outbox, after=after))
            except DiskError as error:
                return error.reason

    assert without_privileges(planned) == found
