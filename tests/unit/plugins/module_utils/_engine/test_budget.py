# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.budget import Budget
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
    waiting: list[Answer[None]] = [budget.take(1) for _one in range(2)]
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
