# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take single syncs, checks, commits to the ledger and orderings out of a copy of the engine, and see what notices.

    python tests/faults/mutations                  all of them (hours); what was judged before is not judged again
    python tests/faults/mutations ledger.py        only those whose description has this in it
    python tests/faults/mutations --list
    python tests/faults/mutations --write docs/development/mutations.md

A mutation that nobody notices is a gap in the tests, or a line that nobody needs.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2])]
    from faults.mutations.program import main

    raise SystemExit(main())
