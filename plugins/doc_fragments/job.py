# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What drop-off and pickup have in common, and where the ledger lies."""

    DOCUMENTATION = r"""
options:
  remote_dir:
    description:
      - The folder on the server, absolute or from the folder that the account logs in to. V(.) is that folder
        itself.
      - Needed unless O(preset) says it.
    type: str
  include:
    description:
      - Move only files whose name matches one of these patterns, such as V(invoices-*.xml).
      - In a pattern V(*) stands for any characters, V(?) for one, and V([abc]) for one of these. Upper and lower
        case differ. A pattern is compared with the name of a file, never with its folder.
      - Without it, or while it is empty, every name matches.
      - Write a list if there is a comma in a pattern; Ansible splits a single text at its commas.
    type: list
    elements: str
  exclude:
    description:
      - Leave alone what has a name that matches one of these patterns, even if O(include) matches too.
    type: list
    elements: str
  settle:
    description:
      - Leave a file alone until it is settled, so that one that is still being written is not taken for whole.
      - A file is settled when its modification time is this many seconds old by the local clock, or when its size
        and time were seen unchanged for that long. V(0) switches this off.
      - "Default: V(5), unless O(preset) says otherwise."
    type: float
  empty:
    description:
      - What to do with files of no bytes.
      - With V(transfer) they are moved like any other.
      - With V(skip) they stay where they are.
      - With V(refuse) they stay where they are, and count as failed.
      - "Default: V(transfer), unless O(preset) says otherwise."
    type: str
    choices:
      - transfer
      - skip
      - refuse
  max_files:
    description:
      - Move at most this many files, oldest first. The others wait for the next run, and count as skipped.
      - Without it there is no limit.
    type: int
  max_bytes:
    description:
      - Move at most this many bytes, oldest files first. The files beyond that wait for the next run, and count as
        skipped. The first file moves even if it alone is larger.
      - A number of bytes, or a number with V(K), V(M), V(G) or V(T), which are powers of 1024, such as V(500M).
      - Without it there is no limit.
    type: str
  max_results:
    description:
      - List at most this many files in RV(ignore:files), failures first. RV(ignore:summary) always counts all of
        them.
      - From 0 to 100000. Raise it where a playbook goes on with the files one by one.
    type: int
    default: 1000
"""

    LEDGER = r"""
options:
  ledger:
    description:
      - Path of the ledger, the database in which this host remembers what it is about to do with a file and what it
        did. It is what makes an interrupted run complete itself later, and what keeps a file from being sent twice.
        Keep it, and do not share it between hosts.
      - Without it, C(/var/lib/filedrop/ledger.sqlite3) for root, and for others C(filedrop/ledger.sqlite3) in the
        folder that E(XDG_STATE_HOME) names, or else in C(~/.local/state).
    type: path
"""
