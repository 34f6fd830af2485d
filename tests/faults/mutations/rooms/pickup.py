# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about pickups."""

from __future__ import annotations

from ..operations import Change, drop_statement, never, replace

CHANGES = (
    Change(
        "SpaceReservation._require",
        drop_statement("_ -= sum(...)"),
        "what is coming already does not count for `min_free`",
    ),
    Change("compare_with_sidecar", never("_ not in _"), "the checksum is not compared"),
    Change("digests_for", replace("not one.name", "True"), "the checksum of another name counts"),
)

HARMLESS = {
    (
        "_is_published",
        "never mind `part.device` in `(part.device, part.inode) == (final.device, final.inode)`",
    ): "Both names are in one folder, so on one file system, unless somebody has mounted a file in there.",
    (
        "SpaceReservation._require",
        "never mind `free - self._whole - size >= self._min_free`",
    ): "It saves the sum over all that is coming, where there is room even if nothing of that were here yet.",
}
