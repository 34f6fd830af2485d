# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the catalogue names by hand, one file for each room of the engine.

Protections that are a flag, a number or an argument, and no statement of their own; and the changes after which the
engine does what it did before, so that no test can notice: by function and change, each with its reason.
"""

from __future__ import annotations

from . import dropoff, keys, ledger, local, pickup, remote, run, transfer

_ROOMS = (dropoff, keys, ledger, local, pickup, remote, run, transfer)

CHANGES = tuple(change for room in _ROOMS for change in room.CHANGES)

HARMLESS = {change: why for room in _ROOMS for change, why in room.HARMLESS.items()}
"""By function and change."""
