# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Document what drop-off and pickup have in common, and the ledger."""

    DOCUMENTATION = r"""
options:
  remote_dir:
    description:
      - The folder on the server, absolute or relative to the login folder. V(.) is the login folder itself.
      - Required, unless O(preset) has a default.
    type: str
  include:
    description:
      - Move only files whose name matches one of these patterns, such as V(invoices-*.xml).
      - In a pattern, V(*) matches any characters, V(?) matches one, and V([abc]) matches one of these. Patterns are
        case-sensitive. They are compared with the name of a file, never with its folder.
      - Without patterns, every name matches. An empty list is refused.
      - Names that senders use for incomplete files, such as C(.part) and C(.tmp), match only a pattern that names this
        suffix, such as V(*.tmp). Files of filedrop's own (C(.filedrop-*)) never match.
      - A pattern that matched no file gets a note in RV(ignore:notes) if other files are there, or if it has braces, a
        comma or a part of a regular expression.
      - If a pattern contains a comma, write a list. Ansible splits a single text at its commas.
    type: list
    elements: str
  exclude:
    description:
      - Ignore files whose name matches one of these patterns, even if O(include) matches too.
    type: list
    elements: str
  modified_from:
    description:
      - Move only files that were modified at this moment or later.
      - A date such as V(2026-11-01) is the begin of that day in the time zone of the host. A time needs its zone, such
        as V(2026-11-01T18:00:00+01:00) or V(2026-11-01T17:00:00Z). In YAML, put a time in quotes.
      - A file without a known time is not moved, and a note tells how many there are.
      - This applies to files that are listed in C(src) themselves, too. Work that an earlier run has begun is finished
        whatever the time of its file.
    type: str
  modified_to:
    description:
      - Move only files that were modified before this moment, which itself is not included. So for all files of
        November, set O(modified_from=2026-11-01) and O(modified_to=2026-12-01).
      - A date or a time with its zone, and with the same limits, as O(modified_from).
    type: str
  companions:
    description:
      - Files that belong together, such as C(invoice-1.pdf) and C(invoice-1.xml). The list has their patterns, in the
        order of sending. Each entry is a pattern, or a dictionary.
      - In a dictionary, C(pattern) is the pattern. With C(optional) V(true), a set is complete without such a file.
      - With C(after_taken) V(true), such a file goes only once the file before it in its set is gone from the server.
        Later runs look at the server. This is for drop-offs only, and not with V(close) for O(ignore:verify).
      - Files with the same stem are one set. The stem is the name without what the end of its pattern matches, from the
        last V(*) on. So V(*.coda.zip) gives C(a.coda.zip) the stem C(a). Patterns and stems are case-sensitive. If
        several patterns match a name, the one with the longest end counts. A file that matches none goes by itself.
      - Nothing of a set starts until all its files that are not optional are there, all its files that are there are
        settled, and their names are free. For a pickup, that is their names in O(ignore:dest). Until then, they wait.
        O(include) and O(exclude) must select all files of a set.
      - The files of a set go one after the other. If one of them cannot go, those after it do not go either. The
        originals are archived, deleted or moved when the whole set has arrived.
      - An optional file that comes late goes if the other files of its set were moved before.
      - For O(max_files), a set counts as one file. O(modified_from) and O(modified_to) compare the time of its newest
        file.
      - A set that stays incomplete fails the task after 24 hours, like every file that waits.
    type: list
    elements: raw
  settle:
    description:
      - Ignore a file until it is settled, so that a file that is still being written is not moved.
      - A local file is settled when its modification time is this many seconds old, or when its size and time have
        been unchanged for that long.
      - A remote file is judged by its time only if the server's clock is known, from a drop-off of the last week.
        Otherwise the run lists the folder, waits this many seconds once, and lists it again. With more than 60 seconds,
        a later run takes the second look. A missing time, or a time of 0, proves nothing.
      - V(0) disables the check.
      - "Default: V(5), unless O(preset) has another one."
    type: float
  empty:
    description:
      - What to do with empty files.
      - V(transfer) moves them like any other file.
      - V(skip) leaves them where they are.
      - V(refuse) leaves them where they are, and counts them as failed.
      - "Default: V(transfer), unless O(preset) has another one."
    type: str
    choices:
      - transfer
      - skip
      - refuse
  max_files:
    description:
      - Move at most this many files, oldest first. The others wait for the next run.
      - "Default: no limit."
    type: int
  max_bytes:
    description:
      - Move at most this many bytes, oldest files first. The other files wait for the next run. The
        first file is moved even if it alone is larger.
      - A number of bytes, or a number with V(K), V(M), V(G) or V(T), which are powers of 1024, such as V(500M).
      - "Default: no limit."
    type: str
  max_results:
    description:
      - List at most this many files in RV(ignore:files), failures first. RV(ignore:summary) always counts all files.
      - From 0 to 100000. Increase it if a playbook continues with the individual files.
    type: int
    default: 1000
"""

    LEDGER = r"""
options:
  ledger:
    description:
      - Path of the ledger, the database in which this host records what it is about to do with a file, and what it
        did. With the ledger, a later run completes an interrupted one, and no file is sent twice. Keep it, and do not
        share it between hosts.
      - "Default for root: C(/var/lib/filedrop/ledger.sqlite3). Default for other users: C(filedrop/ledger.sqlite3) in
        the folder of E(XDG_STATE_HOME), or else in C(~/.local/state)."
      - Modules that write to the ledger create a missing one, but do not replace a lost one, because without it files
        could be sent again. On a host with C(/etc/filedrop/jobs), no module creates
        C(/var/lib/filedrop/ledger.sqlite3), nor another ledger beside it, because that path may be mistyped.
        The reason code is V(ledger_missing), also in check mode.
      - If root uses the ledger of another user, the module works as that user. It reads O(ignore:private_key_file) as
        root. A ledger that several users can change is refused.
    type: path
"""

    UNUSED_LEDGER = r"""
options:
  ledger:
    description:
      - Not used, because this module has nothing to record. It is accepted, so that C(module_defaults) of the action
        group C(courier.filedrop.remote) can set the ledger of the other modules.
    type: path
"""
