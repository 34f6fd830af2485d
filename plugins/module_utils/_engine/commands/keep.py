# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``init``: the ledger is made."""

from __future__ import annotations

import os
from contextlib import closing

from ..ledger import Ledger
from ..status import WELL
from .setting import Setting


def init(setting: Setting) -> int:
    """Make the ledger, unless there is one."""
    there = os.path.exists(setting.ledger)
    with closing(Ledger(setting.ledger, create=True)):
        pass
    sentence = f"There is a ledger at {setting.ledger} already." if there else f"Made the ledger {setting.ledger}."
    setting.voice.answer({"status": WELL, "ledger": setting.ledger, "created": not there}, [sentence])
    return WELL
