# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make mutations` knows of the engine goes by the text of its source, which changes every day."""

from __future__ import annotations

from faults.mutations.catalogue import mutations
from faults.mutations.harmless import HARMLESS


def test_every_change_that_is_described_can_be_made_to_the_source_as_it_is() -> None:
    there = {(one.file, one.where, one.what) for one in mutations()}
    assert HARMLESS.keys() - there == set()
