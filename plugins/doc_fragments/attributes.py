# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Document the modules' attributes: check mode, diff mode, platforms and action groups."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: In check mode, the module predicts its changes and changes nothing.
  diff_mode:
    description: In diff mode, the module shows its changes; in check mode, its predicted changes.
  platform:
    description: The types of hosts on which the module can run.
    support: full
    platforms: posix
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/courier.filedrop.remote) in C(module_defaults) to set the options of an account once.
    support: full
    membership:
      - courier.filedrop.remote
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module only reads, with or without check mode.
  diff_mode:
    support: N/A
    details:
      - This module only reads, so there is no diff.
"""
