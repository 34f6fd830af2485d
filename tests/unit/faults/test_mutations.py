# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make mutations` knows of the engine goes by its functions and their syntax trees, which change every day."""

from __future__ import annotations

import pytest
from faults.mutations.catalogue import found, mutations, sources
from faults.mutations.operations import Change
from faults.mutations.rooms import CHANGES, HARMLESS

SOURCES = sources()


@pytest.mark.parametrize("change", CHANGES, ids=lambda one: one.what)
def test_every_change_that_is_named_has_exactly_one_place_in_the_engine(change: Change) -> None:
    mutation = found(change, SOURCES)
    assert mutation.source not in [source.text for source in SOURCES]


def test_no_reason_is_given_for_a_change_that_there_is_not() -> None:
    there = {(one.where, one.what) for one in mutations()}
    assert HARMLESS.keys() - there == set()
