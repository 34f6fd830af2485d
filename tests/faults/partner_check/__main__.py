# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the check is started, and where it finds the engine: in this repository, without Ansible."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "plugins" / "module_utils"), str(ROOT / "tests" / "support")]
    raise SystemExit(importlib.import_module("program").main())
