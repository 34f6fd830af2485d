# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run imports when it begins. Where runs are forked, it is here before, so that no child does it again."""

from __future__ import annotations

from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import PROTOCOLS
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.directions import RUNS


def load_all() -> None:
    """Import every protocol and every direction."""
    for load in (*PROTOCOLS.values(), *RUNS.values()):
        load()
