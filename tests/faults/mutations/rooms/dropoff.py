# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about drop-offs."""

from __future__ import annotations

from ..operations import Change, always, drop_operand, never

CHANGES = (
    Change(
        "seen",
        drop_operand("size > expected"),
        "a larger file counts as our own part",
    ),
    Change(
        "Uploads._not_created",
        never("not (asked_before and _)"),
        "a create that was refused stays an open intent",
    ),
    Change(
        "Uploads._not_created",
        always("not (asked_before and _)"),
        "what came late of what was asked for before is taken for somebody else's",
    ),
)

HARMLESS = {
    (
        "_is_copy",
        "never mind `copy.size` in `(copy.size, copy.mtime_ns) != (seen.size, seen.mtime_ns)`",
    ): "The SHA-256 is compared next.",
    (
        "_copy",
        "`name = into.free_name(seen.name)` before `os.fsync(part.fd)`",
    ): "Where the name is taken by then, another one is looked for.",
}
