# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module of this collection can say of check mode, diff mode, platforms and action groups."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can tell in check mode what it would change, and changes nothing.
  diff_mode:
    description: Can show in diff mode what it changed, or in check mode would change.
  platform:
    description: The kinds of hosts that the module can run on.
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
      - This module only reads, so there is no difference to show.
"""
