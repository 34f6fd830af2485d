# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define the default paths on a host."""

from __future__ import annotations

import os

COMMAND = "/usr/local/bin/filedrop"
SYSTEM_LEDGER = "/var/lib/filedrop/ledger.sqlite3"
SERVER_LOG = "/var/log/filedrop-server/transfers.jsonl"
"""What the server writes about each request for a file: one JSON object a line."""

SERVER_ROOT = "/srv/filedrop"
"""The folder of a server's accounts, unless `filedrop_server_root` says otherwise."""


def default_ledger() -> str:
    """Return this user's ledger: the system's for root, else one in the state folder (XDG base directories)."""
    if os.geteuid() == 0:
        return SYSTEM_LEDGER
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # the specification says to ignore a relative path
        state = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(state, "filedrop", "ledger.sqlite3")
