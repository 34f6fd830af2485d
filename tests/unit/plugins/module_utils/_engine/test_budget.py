# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.budget import Budget, take_of_any
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ConnectionLost
from ansible_collections.courier.filedrop.plugins.module_utils._engine.flow import Answer


def test_a_budget_is_handed_out_in_the_order_of_asking() -> None:
    budget = Budget(10)
    first, large, small = budget.take(6), budget.take(8), budget.take(1)
    assert [answer.done for answer in (first, large, small)] == [True, False, False]
    budget.give_back(3)
    assert not large.done
    budget.give_back(3)
    assert large.done
    assert small.done


def test_whoever_waits_for_a_budget_is_told_when_there_is_none_any_more() -> None:
    budget = Budget(1)
    budget.take(1)
    waiting: list[Answer[Budget]] = [budget.take(1) for _one in range(2)]
    budget.fail(ConnectionLost("connection_lost", "gone"))
    for answer in waiting:
        with pytest.raises(ConnectionLost):
            answer.result()


def test_who_asks_for_room_on_a_session_that_has_ended_does_not_wait_for_it() -> None:
    budget = Budget(10)
    budget.take(8)
    lost = ConnectionLost("connection_lost", "It ended.")
    budget.fail(lost)
    with pytest.raises(ConnectionLost):
        budget.take(5).result()


# --- any of several


def test_of_several_the_one_with_most_left_is_taken_of() -> None:
    little, much = Budget(5), Budget(10)
    assert take_of_any([little, much], 4).result() is much
    assert (little.free, much.free) == (5, 6)
    assert take_of_any([little, much], 4).result() is much
    much.take(7)  # waits, and goes first there
    assert take_of_any([little, much], 4).result() is little


def test_the_first_that_has_enough_is_taken_of_and_no_other() -> None:
    first, second = Budget(10), Budget(10)
    first.take(10)
    second.take(9)
    answer = take_of_any([first, second], 6)
    assert not answer.done
    second.give_back(9)
    assert answer.result() is second
    assert second.free == 4
    first.give_back(10)
    assert first.free == 10
    assert first.has(10)


def test_who_waits_for_any_keeps_nobody_else_waiting() -> None:
    first, second = Budget(10), Budget(10)
    for budget in (first, second):
        budget.take(10)
    any_of_them, behind = take_of_any([first, second], 6), first.take(3)
    second.give_back(10)
    first.give_back(6)
    assert any_of_them.result() is second
    assert behind.result() is first
    assert first.free == 3


def test_who_was_served_elsewhere_keeps_nobody_waiting_either() -> None:
    first, second = Budget(10), Budget(10)
    first.take(6)
    second.take(10)
    any_of_them = take_of_any([first, second], 6)
    second.give_back(10)
    assert any_of_them.result() is second
    assert first.take(3).done


def test_whoever_waits_for_any_is_told_when_one_has_ended() -> None:
    first, second = Budget(1), Budget(1)
    for budget in (first, second):
        budget.take(1)
    before = take_of_any([first, second], 1)
    lost = ConnectionLost("connection_lost", "gone")
    first.fail(lost)
    after = take_of_any([first, second], 1)
    second.fail(lost)
    for answer in (before, after):
        with pytest.raises(ConnectionLost):
            answer.result()
