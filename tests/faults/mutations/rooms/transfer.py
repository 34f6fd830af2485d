# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about what both directions have in common."""

from __future__ import annotations

from ..operations import Change, always, never, replace

CHANGES = (
    Change("Settling.unsettled", replace("{_ for _ in _ if _}", "set()"), "nothing has to settle"),
    Change("Settling.unsettled", always("not _ and not (_ is not None and _)"), "what is old has to settle, too"),
    Change("Looks.is_unchanged", always("_ == _figures(before)"), "a file that changed is taken"),
    Change("Looks.before", always("self._way is not _"), "a look is compared with the listing"),
    Change("_left_of", always("_a and _b and _c"), "a part that is gone was published"),
    Change("LostClaims.look_at", replace("self._is_ours(_) or _", "False"), "claims that nobody finishes are untold"),
    Change(
        "Tally.add",
        never("hash(outcome.origin) in self._before"),
        "what was delivered over an earlier connection is forgotten",
    ),
)

HARMLESS: dict[tuple[str, str], str] = {}
