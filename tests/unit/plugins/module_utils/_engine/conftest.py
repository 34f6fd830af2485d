# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine's unit tests share."""

from __future__ import annotations

from support.odd_server import server, ssh_server
from support.summer_time import in_oslo

__all__ = ["in_oslo", "server", "ssh_server"]
