# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.planning.candidates import (
    Candidate,
    Oldest,
)


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
