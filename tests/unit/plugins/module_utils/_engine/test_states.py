# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of states are complete, agree with each other, and are what the documentation shows."""

from __future__ import annotations

import itertools
from collections import Counter
from enum import Enum

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import LedgerError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import (
    DECIDABLE,
    DECISIONS,
    HISTORY,
    OUTCOMES,
    RECOVERY,
    STEPS,
    HandlerEnd,
    IllegalStep,
    LocalPart,
    Original,
    Seen,
    State,
    TriesLeft,
    Visibility,
    require_step,
    seen,
    state_of,
    track_of,
    verdict_on,
)

AXES: dict[str, tuple[type[Enum], type[Enum]]] = {
    "direct": (Seen, Visibility),
    "rename": (Seen, Seen),
    "request": (Seen, Visibility),
    "pickup": (LocalPart, Original),
    "import": (HandlerEnd, TriesLeft),
}
TRACKS = list(STEPS)


def states_of(track: str) -> set[State]:
    return {state for step in STEPS[track] for state in (*step.before, step.after)}


@pytest.mark.parametrize("track", TRACKS)
def test_every_open_state_has_one_verdict_for_whatever_is_seen(track: str) -> None:
    rules = Counter(
        (state, first, second)
        for rule in RECOVERY[track]
        for state, first, second in itertools.product(rule.states, rule.first, rule.second)
    )
    assert [key for key, count in rules.items() if count > 1] == []
    open_states = {state for state in states_of(track) if state.is_open and state is not State.NEW}
    assert set(itertools.product(open_states, *AXES[track])) - set(rules) == set()


def test_a_state_that_a_track_does_not_have_means_a_damaged_ledger() -> None:
    with pytest.raises(LedgerError, match="'intent'"):
        verdict_on("pickup", State.INTENT, LocalPart.GONE, Original.GONE)
    with pytest.raises(LedgerError, match="'no such state'"):
        state_of("no such state")


@pytest.mark.parametrize("track", TRACKS)
def test_every_state_can_be_reached_and_left(track: str) -> None:
    reached, frontier = set(), {State.NEW}
    while frontier:
        reached |= frontier
        frontier = {step.after for step in STEPS[track] if reached & set(step.before)} - reached
    assert states_of(track) - reached == set()
    left = {state for step in STEPS[track] for state in step.before if state is not step.after}
    assert {state for state in states_of(track) if state.is_open} - left == set()


def test_every_state_belongs_to_a_track_and_has_a_meaning() -> None:
    assert set().union(*map(states_of, TRACKS)) == set(State)
    assert all(state.meaning for state in State)


def test_every_state_has_one_outcome_for_people() -> None:
    counted = Counter(state for states in OUTCOMES.values() for state in states)
    assert set(counted) == set(State) - {State.FORGOTTEN}
    assert set(counted.values()) == {1}


@pytest.mark.parametrize(
    ("track", "before", "after"),
    [
        ("direct", State.NEW, State.WRITTEN),
        ("direct", State.CLOSED, State.RENAMED),
        ("rename", State.WRITTEN, State.RENAMED),
        ("rename", State.CLOSED, State.DELIVERED),
        ("rename", State.DELIVERED, State.INTENT),
        ("pickup", State.KEPT, State.PLACED),
        ("pickup", State.FETCHED, State.PLACED),
    ],
)
def test_an_illegal_step_raises(track: str, before: State, after: State) -> None:
    with pytest.raises(IllegalStep, match=after.value):
        require_step(track, before, after)


@pytest.mark.parametrize("direction", DECISIONS)
@pytest.mark.parametrize("temporary", [None, "in/.1.part"])
def test_whatever_is_held_can_be_decided_and_decided_otherwise(direction: str, temporary: str | None) -> None:
    track = track_of(direction, temporary)
    ends = [two[1 if temporary else 0] for two in DECISIONS[direction].values()]
    for held in DECIDABLE & states_of(track):
        for end in ends:
            require_step(track, held, end)
    for before, after in itertools.product([State.RESEND, State.DISCARDED], ends):
        require_step(track, before, after)


@pytest.mark.parametrize(
    ("size", "expected", "found"),
    [
        (0, 10, Seen.EMPTY),
        (9, 10, Seen.SHORTER),
        (10, 10, Seen.WHOLE),
        (0, 0, Seen.WHOLE_EMPTY),
        (11, 10, Seen.OTHER),
        (None, 10, Seen.OTHER),
    ],
)
def test_what_is_seen_goes_by_the_size(size: int | None, expected: int, found: Seen) -> None:
    assert seen(size, expected=expected, is_there=True) is found
    assert seen(size, expected=expected, is_there=False) is Seen.NOTHING


def test_history_is_never_open() -> None:
    assert {state for state in State if not state.is_open} == HISTORY
    assert not HISTORY & DECIDABLE
