# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the module ``dropoff``, and show its progress."""

from __future__ import annotations

from ansible_collections.courier.filedrop.plugins.plugin_utils._progress import TransferAction


class ActionModule(TransferAction):
    """The action of the module ``dropoff``."""
