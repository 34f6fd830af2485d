# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directions, by name, and what reads their jobs from options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from .importing import import_from_options
from .job import Job, dropoff_from_options, pickup_from_options

READERS: Mapping[str, Callable[..., Job]] = {
    "dropoff": dropoff_from_options,
    "pickup": pickup_from_options,
    "import": import_from_options,
}
"""By direction, what reads a job from its options."""
