# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Pickup, Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import Entry
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup.item import PickupItem
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup.plan import PickupPlan
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning.sets import files_of
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.tally import Tally
from support.ledgers import plant

OLD = 1_600_000_000  # seconds since 1970
FILE = 0o100644


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as opened:
        yield opened


def entry(name: str, *, size: int | None = 3, mtime: int | None = OLD, permissions: int | None = FILE) -> Entry:
    return Entry(name, f"out/{name}", size, mtime, permissions)


@dataclass
class Planned:
    """A whole plan."""

    items: list[PickupItem]
    sidecars: list[PickupItem]
    outcomes: list[FileOutcome]
    known: int


def plan(ledger: Ledger, *entries: Entry, claimed: Collection[str] = (), note: bool = True, **options: Any) -> Planned:
    job = Pickup(name="reports", dest="/in", remote_dir="out")
    claims = {
        one.name: one._replace(path=f"out/{names.claim(ledger.identity, one.name)}")
        for one in entries
        if one.name in claimed
    }
    tally = Tally(1000)
    made = PickupPlan(replace(job, **options), "acme", ledger, tally, check=not note, watched=())
    made.take([one for one in entries if one.name not in claimed])
    made.close(claims)
    items = [item for turn in made.items() for item in files_of(turn)]
    sidecars = list(made.checksums({item.entry.name for item in items}))
    return Planned(items, sidecars, tally.result(None).outcomes, made.known)


def to_fetch(found: Planned) -> list[str]:
    return [item.entry.name for item in found.items]


def left_out(found: Planned) -> dict[str, tuple[str, str]]:
    return {one.name: (one.outcome, one.reason) for one in found.outcomes}


def remember(ledger: Ledger, what: Entry, state: str, **changes: Any) -> None:
    row = Row(
        account="acme",
        direction="pickup",
        folder="out",
        name=what.name,
        size=what.size or 0,
        mtime_ns=(what.mtime or 0) * 10**9,
        job="reports",
        remote_path=what.path,
    )
    plant(ledger, replace(row, state=State(state), **changes))


def test_the_oldest_come_first_and_those_without_a_time_before_them(ledger: Ledger) -> None:
    found = plan(
        ledger,
        entry("b"),
        entry("new", mtime=OLD + 1),
        entry("a"),
        entry("timeless", mtime=None),
        settle=0,
    )
    assert to_fetch(found) == ["timeless", "a", "b", "new"]


def test_what_is_no_file_or_not_asked_for_or_not_whole_yet_is_not_spoken_of(ledger: Ledger) -> None:
    found = plan(
        ledger,
        entry("a.xml"),
        entry("folder.xml", permissions=0o040755),
        entry("link.xml", permissions=0o120777),
        entry("pipe.xml", permissions=0o010644),
        entry("coming.xml.filepart"),
        entry("COMING.XML.PART"),
        entry("other.csv"),
        entry("old.xml"),
        exclude=("old*", "*.csv"),
    )
    assert to_fetch(found) == ["a.xml"]
    assert left_out(found) == {}


def test_who_tells_no_permissions_is_believed_to_have_files(ledger: Ledger) -> None:
    assert to_fetch(plan(ledger, entry("a.xml", permissions=None), entry("b.xml", permissions=0o644))) == [
        "a.xml",
        "b.xml",
    ]


@pytest.mark.parametrize("name", ["", "a/b", "../x", "nul\0", "bell\a", "x" * 256, "caf\udce9"])
def test_a_name_that_is_not_safe_is_refused_and_the_others_come(ledger: Ledger, name: str) -> None:
    found = plan(ledger, entry(name), entry("a.xml"))
    assert to_fetch(found) == ["a.xml"]
    assert left_out(found) == {name: ("failed", "name_refused")}


def test_a_name_that_is_listed_twice_is_fetched_once(ledger: Ledger) -> None:
    found = plan(ledger, entry("a.xml"), entry("a.xml", size=9))
    assert [item.entry.size for item in found.items] == [3]
    assert left_out(found) == {"a.xml": ("failed", "listed_twice")}


@pytest.mark.parametrize(
    ("empty", "fetched", "outcome"),
    [("transfer", ["e"], {}), ("refuse", [], {"e": "failed"}), ("skip", [], {"e": "skipped"})],
)
def test_empty_files_go_by_their_policy(
    ledger: Ledger, empty: str, fetched: list[str], outcome: dict[str, str]
) -> None:
    found = plan(ledger, entry("e", size=0), empty=empty)
    assert to_fetch(found) == fetched
    assert {name: one for name, (one, _reason) in left_out(found).items()} == outcome


@pytest.mark.parametrize("empty", ["transfer", "refuse", "skip"])
def test_a_file_whose_size_nobody_tells_is_not_taken_for_empty(ledger: Ledger, empty: str) -> None:
    assert to_fetch(plan(ledger, entry("a", size=None), empty=empty)) == ["a"]


def test_what_is_not_settled_is_skipped_and_noted_only_if_that_is_allowed(ledger: Ledger) -> None:
    young = entry("young", mtime=4_000_000_000)
    key, sighting = ("acme", "pickup", "out"), [("young", 3, 4_000_000_000 * 10**9)]
    assert left_out(plan(ledger, young, note=False)) == {"young": ("waiting", "unsettled")}
    assert ledger.sightings(*key, sighting) == {}
    assert left_out(plan(ledger, young)) == {"young": ("waiting", "unsettled")}
    assert ledger.sightings(*key, sighting).keys() == {"young"}


# --- checksums


def vouchers(found: Planned) -> dict[str, str | None]:
    return {item.entry.name: item.sidecar.name if item.sidecar else None for item in found.items}


def checksums(found: Planned) -> list[str]:
    return [item.entry.name for item in found.sidecars]


def test_checksums_go_with_their_files_and_the_best_vouches(ledger: Ledger) -> None:
    listed = [entry(name) for name in ("a", "a.md5", "a.sha256", "b", "b.sha512", "b.md5", "c", "e.sha1")]
    found = plan(ledger, *listed, verify="sidecar")
    assert vouchers(found) == {"a": "a.sha256", "b": "b.sha512", "c": None, "e.sha1": None}
    assert checksums(found) == ["a.md5", "a.sha256", "b.md5", "b.sha512"]
    assert left_out(found) == {}


def test_a_checksum_vouches_also_if_the_job_does_not_ask_for_it(ledger: Ledger) -> None:
    found = plan(ledger, entry("a.xml"), entry("a.xml.md5"), verify="sidecar", include=("*.xml",))
    assert (vouchers(found), checksums(found), left_out(found)) == ({"a.xml": "a.xml.md5"}, [], {})


def test_a_checksum_that_is_there_before_its_file_is_left_there(ledger: Ledger) -> None:
    """Without it the file could never be verified."""
    found = plan(ledger, entry("a.xml.sha256"), verify="sidecar")
    assert (to_fetch(found), checksums(found)) == ([], [])
    assert left_out(found) == {"a.xml.sha256": ("waiting", "file_awaited")}


@pytest.mark.parametrize("state", ["fetched", "kept"])
def test_a_checksum_whose_file_came_in_an_earlier_run_is_fetched(ledger: Ledger, state: str) -> None:
    remember(ledger, entry("a.xml"), state)
    found = plan(ledger, entry("a.xml.sha256"), verify="sidecar")
    assert (to_fetch(found), checksums(found), left_out(found)) == ([], ["a.xml.sha256"], {})


def test_a_checksum_is_not_taken_for_that_of_an_earlier_file_of_the_same_name(ledger: Ledger) -> None:
    remember(ledger, entry("daily.xml"), "fetched")
    found = plan(ledger, entry("daily.xml.sha256", mtime=int(time.time()) + 60), verify="sidecar", settle=0)
    assert (to_fetch(found), checksums(found)) == ([], [])
    assert left_out(found) == {"daily.xml.sha256": ("waiting", "file_awaited")}


def test_a_file_waits_for_its_checksum_to_settle_and_the_checksum_for_its_file(ledger: Ledger) -> None:
    young = 4_000_000_000
    listed = (entry("a"), entry("a.md5", mtime=young), entry("b", mtime=young), entry("b.md5"))
    found = plan(ledger, *listed, verify="sidecar")
    assert (to_fetch(found), checksums(found)) == ([], [])
    assert left_out(found) == {
        "a": ("waiting", "unsettled"),
        "a.md5": ("waiting", "unsettled"),
        "b": ("waiting", "unsettled"),
        "b.md5": ("waiting", "file_awaited"),
    }


def test_where_checksums_do_not_count_they_are_files_like_any_other(ledger: Ledger) -> None:
    found = plan(ledger, entry("a"), entry("a.sha256"))
    assert to_fetch(found) == ["a", "a.sha256"]
    assert found.sidecars == []


# --- claims


@pytest.mark.parametrize("options", [{"exclude": ("a.*",)}, {"share": Share(0, 2)}, {"share": Share(1, 2)}], ids=str)
def test_what_was_claimed_is_seen_through_whatever_the_job_asks_for_now(
    ledger: Ledger, options: dict[str, Any]
) -> None:
    """Nobody else would ever fetch it; and without its checksum it could not be verified."""
    listed = [entry("a.xml"), entry("a.xml.sha256")]
    found = plan(ledger, *listed, claimed=("a.xml",), verify="sidecar", **options)
    assert (to_fetch(found), checksums(found)) == (["a.xml"], ["a.xml.sha256"])
    assert (found.items[0].claimed or found.items[0].entry).path != "out/a.xml"


# --- what the ledger knows


def test_what_was_fetched_and_kept_is_not_fetched_again_until_it_changes(ledger: Ledger) -> None:
    remember(ledger, entry("a"), "fetched")
    found = plan(ledger, entry("a"), after="keep")
    assert (to_fetch(found), found.known) == ([], 1)
    for changed in (entry("a", size=4), entry("a", mtime=OLD + 1)):
        assert to_fetch(plan(ledger, changed, after="keep")) == ["a"]


def test_what_was_to_be_fetched_again_and_was_gone_is_fetched_when_it_is_there(ledger: Ledger) -> None:
    remember(ledger, entry("a"), "kept")
    remember(ledger, entry("a"), "abandoned")
    found = plan(ledger, entry("a"), after="keep")
    assert (to_fetch(found), found.known) == (["a"], 0)


def test_what_was_fetched_and_deleted_and_is_there_again_is_fetched_again(ledger: Ledger) -> None:
    remember(ledger, entry("a"), "fetched")
    found = plan(ledger, entry("a"))
    assert to_fetch(found) == ["a"]
    assert found.items[0].latest is not None


@pytest.mark.parametrize("after", ["delete", "keep"])
def test_what_was_placed_and_not_yet_deleted_is_taken_up(ledger: Ledger, after: str) -> None:
    remember(ledger, entry("a"), "placed")
    found = plan(ledger, entry("a"), after=after)
    assert to_fetch(found) == ["a"]
    assert found.items[0].latest is not None


@pytest.mark.parametrize("job", ["reports", "other"])
def test_what_waits_for_a_decision_goes_on_waiting(ledger: Ledger, job: str) -> None:
    remember(ledger, entry("a"), "held", reason="duplicate", job=job)
    found = plan(ledger, entry("a"), entry("b"))
    assert to_fetch(found) == ["b"]
    assert left_out(found) == {"a": ("held", "duplicate")}


def test_what_another_job_has_in_its_hands_is_left_to_it(ledger: Ledger) -> None:
    remember(ledger, entry("a"), "placing", job="other")
    found = plan(ledger, entry("a"))
    assert left_out(found) == {"a": ("failed", "other_job")}
    assert "'other'" in found.outcomes[0].message


@pytest.mark.parametrize("elsewhere", [{"account": "bank"}, {"direction": "dropoff"}, {"folder": "elsewhere"}])
def test_other_mailboxes_and_folders_do_not_count(ledger: Ledger, elsewhere: dict[str, str]) -> None:
    remember(ledger, entry("a"), "fetched", **elsewhere)
    found = plan(ledger, entry("a"), after="keep")
    assert to_fetch(found) == ["a"]
    assert found.items[0].latest is None
