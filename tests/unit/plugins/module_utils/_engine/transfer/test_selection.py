# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.base import Allowance
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import (
    Selector,
    is_in_share,
    is_selected,
    is_wanted,
)

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
