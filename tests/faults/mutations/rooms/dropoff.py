# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about drop-offs."""

from __future__ import annotations

from ..operations import Change, always, drop_operand, never

CHANGES = (
    Change(
        "_is_own_part",
        drop_operand("final.size <= row.size"),
        "a larger file counts as our own part",
    ),
    Change(
        "DropoffWorkflow._create",
        never("not (may_be_ours and _)"),
        "a create that was refused stays an open intent",
    ),
    Change(
        "DropoffWorkflow._create",
        always("not (may_be_ours and _)"),
        "what came late of what was asked for before is taken for somebody else's",
    ),
)

_LOOKS = "Both only look, and nothing is done before both are satisfied."

HARMLESS = {
    (
        "DropoffWorkflow._send",
        "`told = self.remote.size_of(handle)` before `source.check_unchanged()`",
    ): _LOOKS,
    (
        "DropoffWorkflow._check_size",
        "`await acknowledged` before `look = self.remote.stat(row.remote_path)`",
    ): "It only takes longer.",
    (
        "DropoffWorkflow._check_size",
        "`final = await look` before `await acknowledged`",
    ): _LOOKS,
    (
        "_is_copy",
        "never mind `copy.size` in `(copy.size, copy.mtime_ns) != (seen.size, seen.mtime_ns)`",
    ): "The SHA-256 is compared next.",
    (
        "_copy",
        "`name = into.free_name(seen.name)` before `os.fsync(part.fd)`",
    ): "Where the name is taken by then, another one is looked for.",
}
