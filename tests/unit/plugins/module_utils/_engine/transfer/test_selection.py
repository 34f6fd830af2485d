# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.job import Dropoff, Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import ledger as ledger_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer import selection
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.base import Allowance
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import (
    Candidate,
    Oldest,
    Selector,
    Settling,
    Sight,
    is_in_share,
    is_selected,
    is_wanted,
)

KEY = ("acme", "pickup", "out")
NOW = 1_700_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Our own clock, in seconds since 1970; it stands still until a test moves it."""
    now = [NOW]
    for module in (selection, ledger_module):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now[0], monotonic=lambda: now[0]))
    return now


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as opened:
        yield opened


def candidate(name: str, *, age: float | None, size: int = 10) -> Sight:
    """A file whose time is so many seconds before NOW; None: the server does not tell its time."""
    return Sight(name, size, None if age is None else int((NOW - age) * 1e9))


def settling(ledger: Ledger, *, settle: float = 5, note: bool = True) -> Settling:
    return Settling(ledger, KEY, settle, note=note)


# --- names


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        ((), (), {"a.xml", "A.XML", "b.xml", ".hidden", "[x].csv", "ü.csv"}),
        (("*.xml",), (), {"a.xml", "b.xml"}),
        (("*.XML", "*.csv"), (), {"A.XML", "[x].csv", "ü.csv"}),
        ((), ("*.xml",), {"A.XML", ".hidden", "[x].csv", "ü.csv"}),
        (("*.xml",), ("a*",), {"b.xml"}),
        (("a.xml",), ("a.xml",), set()),
        (("?.csv",), (), {"ü.csv"}),
        (("[[]x].csv",), (), {"[x].csv"}),
        (("[ab].xml",), (), {"a.xml", "b.xml"}),
        (("*",), (), {"a.xml", "A.XML", "b.xml", ".hidden", "[x].csv", "ü.csv"}),
        (("nothing like it",), (), set()),
    ],
)
def test_patterns_ask_for_names(include: tuple[str, ...], exclude: tuple[str, ...], wanted: set[str]) -> None:
    job = Dropoff(name="j", sources=("/o",), remote_dir="in", include=include, exclude=exclude)
    names = ("a.xml", "A.XML", "b.xml", ".hidden", "[x].csv", "ü.csv")
    assert {name for name in names if is_wanted(name, job)} == wanted


def test_a_name_that_is_not_utf_8_can_be_asked_for_and_be_left_out() -> None:
    strange = os.fsdecode(b"caf\xe9.xml")
    assert is_wanted(strange, Dropoff(name="j", sources=("/o",), remote_dir="in", include=("caf*",)))
    assert not is_wanted(strange, Dropoff(name="j", sources=("/o",), remote_dir="in", exclude=("*.xml",)))


# --- time


def test_a_file_is_settled_when_its_time_is_old_enough(ledger: Ledger, clock: list[float]) -> None:
    ages = {"now": 0, "young": 4.9, "just": 5.0, "old": 5000}
    files = [candidate(name, age=age) for name, age in ages.items()]
    assert settling(ledger).unsettled(files) == {"now", "young"}


def test_a_file_of_the_future_or_of_no_time_is_settled_when_it_was_seen_unchanged_for_long_enough(
    ledger: Ledger, clock: list[float]
) -> None:
    """The server's clock may run ahead of ours, by years."""
    files = [candidate("ahead", age=-3600), candidate("far ahead", age=-1e8), candidate("timeless", age=None)]
    names = {file.name for file in files}
    for later, expected in ((0, names), (4.9, names), (5.0, set()), (600, set())):
        clock[0] = NOW + later
        assert settling(ledger).unsettled(files) == expected


def test_a_change_begins_the_wait_anew(ledger: Ledger, clock: list[float]) -> None:
    before, grown = candidate("a", age=-3600), candidate("a", age=-3600, size=11)
    touched = candidate("a", age=-3601, size=11)
    for later, file, waits in (
        (0, before, True),
        (6, grown, True),
        (10, grown, True),
        (10.5, touched, True),
        (15, touched, True),
        (15.5, touched, False),
    ):
        clock[0] = NOW + later
        assert settling(ledger).unsettled([file]) == ({"a"} if waits else set())


def test_each_file_settles_by_itself(ledger: Ledger, clock: list[float]) -> None:
    old, first, second = candidate("old", age=60), candidate("first", age=-60), candidate("second", age=-60)
    assert settling(ledger).unsettled([old, first]) == {"first"}
    clock[0] += 5
    assert settling(ledger).unsettled([old, first, second]) == {"second"}


def test_a_clock_that_was_set_back_makes_files_wait_and_no_more(ledger: Ledger, clock: list[float]) -> None:
    file = candidate("a", age=0)
    clock[0] = NOW - 1000
    assert settling(ledger).unsettled([file]) == {"a"}
    clock[0] = NOW - 994
    assert settling(ledger).unsettled([file]) == set()


def test_no_settling_is_wanted_and_none_is_done(ledger: Ledger, clock: list[float]) -> None:
    files = [candidate("a", age=-60), candidate("b", age=None)]
    assert settling(ledger, settle=0).unsettled(files) == set()
    assert ledger.sightings(*KEY, [file.key for file in files]) == {}


def test_check_mode_sees_what_was_noted_and_notes_nothing(ledger: Ledger, clock: list[float]) -> None:
    known, new = candidate("known", age=-3600), candidate("new", age=-3600)
    settling(ledger).unsettled([known])
    clock[0] += 5
    look = settling(ledger, note=False)
    assert look.unsettled([known, new]) == {"new"}
    clock[0] += 60
    assert look.unsettled([known, new]) == {"new"}
    assert look.unsettled([candidate("settled", age=60)]) == set()
    assert ledger.sightings(*KEY, [known.key, new.key]).keys() == {"known"}


def test_what_nobody_waits_for_any_more_is_forgotten(ledger: Ledger, clock: list[float]) -> None:
    young = candidate("a", age=-60)
    settling(ledger).unsettled([young])
    later = settling(ledger)
    later.unsettled([candidate("b", age=60)])
    later.end()
    assert ledger.sightings(*KEY, [young.key]) == {}


# --- how much


def admitted(allowance: Allowance, sizes: list[int]) -> list[bool]:
    """Which of these files may move in a new attempt."""
    allowance.begin_attempt()
    return [allowance.admit(size) for size in sizes]


@pytest.mark.parametrize(
    ("max_files", "max_bytes", "sizes", "moved"),
    [
        (None, None, [1, 2, 3], 3),
        (2, None, [1, 2, 3], 2),
        (5, None, [1, 2, 3], 3),
        (None, 3, [1, 2, 3], 2),
        (None, 2, [1, 2, 3], 1),
        (None, 6, [1, 2, 3], 3),
        (None, 1, [0, 0, 1, 0, 1], 4),
        (2, 100, [1, 2, 3], 2),
        (2, 1, [1, 2, 3], 1),
        (1, 1, [50], 1),
        (None, 10, [50, 1], 1),
        (None, 10, [5, 50, 1], 1),
        (3, 3, [], 0),
    ],
)
def test_a_run_moves_as_much_as_it_may_in_order(
    max_files: int | None, max_bytes: int | None, sizes: list[int], moved: int
) -> None:
    assert admitted(Allowance(max_files, max_bytes), sizes) == [number < moved for number in range(len(sizes))]


def test_what_has_moved_counts_after_a_reconnection_too() -> None:
    allowance = Allowance(3, 100)
    for _file in range(2):
        allowance.spend(30)
    assert admitted(allowance, [30, 30]) == [True, False]
    allowance.spend(30)
    assert admitted(allowance, [1]) == [False]


def test_an_allowance_without_limits_is_never_spent() -> None:
    allowance = Allowance(None, None)
    for _file in range(1000):
        allowance.spend(10**12)
    assert admitted(allowance, [1, 2]) == [True, True]


@pytest.mark.parametrize("spent", [100, 130])
def test_a_large_file_goes_first_only_where_nothing_has_gone_before(spent: int) -> None:
    allowance = Allowance(None, 100)
    allowance.spend(spent)
    assert admitted(allowance, [50, 50]) == [False, False]


# --- shares


NAMES = [f"invoice-{number:05}.xml" for number in range(3000)]


def share_of(name: str, count: int) -> list[int]:
    return [index for index in range(count) if is_in_share(name, Share(index, count))]


def test_without_shares_every_file_is_ours() -> None:
    assert is_in_share("invoice.xml", None)
    assert is_in_share("invoice.xml", Share(0, 1))


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_every_file_is_in_exactly_one_share_and_the_shares_are_about_equal(count: int) -> None:
    owners = [share_of(name, count) for name in NAMES]
    assert {len(owner) for owner in owners} == {1}
    sizes = [owners.count([index]) for index in range(count)]
    assert min(sizes) > 0.7 * len(NAMES) / count


def test_shares_stay_what_they_are_from_release_to_release() -> None:
    """Hosts of one mailbox are upgraded one after the other."""
    shares = {"a.xml": 1, "b.xml": 1, "Faktura 1 åäö.xml": 3, "c\udcff.xml": 0, "": 2}
    assert {name: share_of(name, 5)[0] for name in shares} == shares


@pytest.mark.parametrize("digest", ["sha256", "sha512", "md5"])
def test_a_checksum_goes_with_its_file(digest: str) -> None:
    assert all(share_of(f"{name}.{digest}", 4) == share_of(name, 4) for name in NAMES[:100])


def test_other_files_of_one_stem_are_shared_out_by_their_own_names() -> None:
    assert any(share_of(f"{name}.pdf", 4) != share_of(name, 4) for name in NAMES[:100])


# --- of how many


def test_the_oldest_are_kept_and_the_others_are_counted() -> None:
    oldest = Oldest(3)
    for time in (50, -7, 30, 2**62, 40, 10, 20):
        oldest.add(Candidate(time, f"{time}.xml", "x"))
    assert [one.time for one in oldest.take()] == [-7, 10, 20]
    assert oldest.left_out == 4
    assert list(oldest.take()) == []


def test_candidates_of_one_time_come_by_their_names_and_as_they_went() -> None:
    oldest = Oldest()
    candidates = [Candidate(5, name, rest) for name, rest in (("b", "7/"), ("a\udcff", ""), ("a", "1/2"), ("a b", "/"))]
    for one in candidates:
        oldest.add(one)
    assert list(oldest.take()) == [candidates[2], candidates[3], candidates[1], candidates[0]]


def test_what_is_discarded_is_told_and_gone() -> None:
    oldest = Oldest()
    for name in ("a", "b", "c"):
        oldest.add(Candidate(1, name, ""))
    assert oldest.discard({"b": 1, "z": 1}) == {"b"}
    assert [one.name for one in oldest.take()] == ["a", "c"]


# --- temporary names, and patterns of other programs


def selecting(*include: str, exclude: tuple[str, ...] = ()) -> Dropoff:
    return Dropoff("j", ("/out",), "input", include=include, exclude=exclude)


@pytest.mark.parametrize(
    ("name", "include", "is_moved"),
    [
        ("a.tmp", (), False),
        ("a.tmp", ("*",), False),
        ("a.tmp", ("a*",), False),
        ("a.tmp", ("?.???",), False),
        ("a.tmp", ("*.*",), False),
        ("a.tmp", ("*.tmp",), True),
        ("a.tmp", ("*", "*.tmp"), True),
        ("a.tmp", ("a.tmp",), True),
        ("KUNDEN.TMP", ("KUNDEN.TMP",), True),
        ("KUNDEN.TMP", ("*.tmp",), False),
        ("KUNDEN.TMP", ("*.[tT][mM][pP]",), True),
        ("bolt.part", ("*.part",), True),
        ("bolt.xml.part", ("*.xml*",), False),
        (".0a1b2c3d.part", ("*.part",), False),
        (".0a1b2c3d.part", ("*",), False),
        (".filedrop-claim-host-1-a.xml.part", ("*.part",), False),
        (".filedrop-a.xml", (".filedrop-*",), True),
        (".filedrop-a.xml", (), True),
        ("a.xml", (), True),
    ],
)
def test_a_pattern_that_names_a_temporary_suffix_wins_except_over_our_own_names(
    name: str, include: tuple[str, ...], is_moved: bool
) -> None:
    assert is_selected(name, selecting(*include)) is is_moved
    assert Selector(selecting(*include)).selects(name) is is_moved
    assert not is_selected(name, selecting(*include, exclude=("*",)))


def noted(names: list[str], *include: str, exclude: tuple[str, ...] = ()) -> list[str]:
    selector = Selector(selecting(*include, exclude=exclude))
    for name in names:
        selector.selects(name)
    return list(selector.notes())


@pytest.mark.parametrize("names", [[], ["a.xml", "b.pdf"]])
@pytest.mark.parametrize(
    ("pattern", "sign"),
    [
        ("*.{xml,pdf}", "braces"),
        ("{a,b}.xml", "braces"),
        ("*.xml,*.pdf", "a comma"),
        ("*.xml, *.pdf", "a comma"),
        (r".*\.xml$", "a part of a regular expression"),
        (r"\d+.xml", "a part of a regular expression"),
        ("^INV.*", "a part of a regular expression"),
        ("[a-z]+.xml", "a part of a regular expression"),
        (".+xml", "a part of a regular expression"),
        ("(x|y).xml", "a part of a regular expression"),
    ],
)
def test_a_pattern_in_the_words_of_another_program_gets_a_note(names: list[str], pattern: str, sign: str) -> None:
    (note,) = noted(names, pattern)
    assert repr(pattern) in note
    assert sign in note
    (note,) = noted(names, exclude=(pattern,))
    assert "`exclude`" in note


@pytest.mark.parametrize(
    ("names", "include", "count"),
    [
        (["a.xml"], ("*.XML",), 1),
        (["a.xml"], ("*.XML", "*.PDF"), 2),
        (["a.xml", "b.pdf"], ("*.xml", "*.csv"), 1),
        (["a.xml"], ("*.xml", "*.csv"), 0),
        (["a.tmp"], ("*.xml",), 0),
        ([], ("*.xml",), 0),
        (["a,b.xml"], ("a,*.xml",), 0),
        (["{a}.xml"], ("{a}.xml",), 0),
        (["a.xml"], ("*.*",), 0),
    ],
)
def test_a_pattern_that_matches_nothing_gets_a_note_if_other_files_are_there(
    names: list[str], include: tuple[str, ...], count: int
) -> None:
    assert len(noted(names, *include)) == count
    assert noted(names, exclude=("*.none",)) == []
