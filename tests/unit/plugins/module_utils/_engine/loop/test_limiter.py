# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import ConnectionLost
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.limiter import CapacityLimiter, acquire_any
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Future


def test_a_budget_is_handed_out_in_the_order_of_asking() -> None:
    limiter = CapacityLimiter(10)
    first, large, small = limiter.acquire(6), limiter.acquire(8), limiter.acquire(1)
    assert [answer.done for answer in (first, large, small)] == [True, False, False]
    limiter.release(3)
    assert not large.done
    limiter.release(3)
    assert large.done
    assert small.done


def test_whoever_waits_for_a_budget_is_told_when_there_is_none_any_more() -> None:
    limiter = CapacityLimiter(1)
    limiter.acquire(1)
    waiting: list[Future[CapacityLimiter]] = [limiter.acquire(1) for _one in range(2)]
    limiter.fail(ConnectionLost("connection_lost", "gone"))
    for answer in waiting:
        with pytest.raises(ConnectionLost):
            answer.result()


def test_who_asks_for_room_on_a_session_that_has_ended_does_not_wait_for_it() -> None:
    limiter = CapacityLimiter(10)
    limiter.acquire(8)
    lost = ConnectionLost("connection_lost", "It ended.")
    limiter.fail(lost)
    with pytest.raises(ConnectionLost):
        limiter.acquire(5).result()


# --- any of several


def test_of_several_the_one_with_most_left_is_taken_of() -> None:
    little, much = CapacityLimiter(5), CapacityLimiter(10)
    assert acquire_any([little, much], 4).result() is much
    assert (little.free, much.free) == (5, 6)
    assert acquire_any([little, much], 4).result() is much
    much.acquire(7)  # waits, and goes first there
    assert acquire_any([little, much], 4).result() is little


def test_the_first_that_has_enough_is_taken_of_and_no_other() -> None:
    first, second = CapacityLimiter(10), CapacityLimiter(10)
    first.acquire(10)
    second.acquire(9)
    answer = acquire_any([first, second], 6)
    assert not answer.done
    second.release(9)
    assert answer.result() is second
    assert second.free == 4
    first.release(10)
    assert first.free == 10
    assert first.has(10)


def test_who_waits_for_any_keeps_nobody_else_waiting() -> None:
    first, second = CapacityLimiter(10), CapacityLimiter(10)
    for limiter in (first, second):
        limiter.acquire(10)
    any_of_them, behind = acquire_any([first, second], 6), first.acquire(3)
    second.release(10)
    first.release(6)
    assert any_of_them.result() is second
    assert behind.result() is first
    assert first.free == 3


def test_who_was_served_elsewhere_keeps_nobody_waiting_either() -> None:
    first, second = CapacityLimiter(10), CapacityLimiter(10)
    first.acquire(6)
    second.acquire(10)
    any_of_them = acquire_any([first, second], 6)
    second.release(10)
    assert any_of_them.result() is second
    assert first.acquire(3).done


def test_whoever_waits_for_any_is_told_when_one_has_ended() -> None:
    first, second = CapacityLimiter(1), CapacityLimiter(1)
    for limiter in (first, second):
        limiter.acquire(1)
    before = acquire_any([first, second], 1)
    lost = ConnectionLost("connection_lost", "gone")
    first.fail(lost)
    after = acquire_any([first, second], 1)
    second.fail(lost)
    for answer in (before, after):
        with pytest.raises(ConnectionLost):
            answer.result()
