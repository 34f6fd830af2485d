# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about key pairs and passwords."""

from __future__ import annotations

from ..mutation import SYNC
from ..operations import Change, drop_keyword, drop_statement, never, replace, set_argument

CHANGES = (
    Change("require_unexposed", never("_ & forbidden_mode(_)"), "a private key may be readable by all"),
    Change("_write_pair", replace("0o600", "0o640"), "a group may read a new private key"),
    Change("_write_pair", set_argument("_place(...)", "over", "True"), "a pair that has just come is replaced"),
    Change("write_beside", drop_statement("os.fsync(_)"), "a new key file is not synced", SYNC),
    Change(
        "_write_pair",
        drop_statement("os.fsync(_)"),
        "the names of a new pair are not synced before it counts",
        SYNC,
    ),
    Change("key_folder", drop_statement("os.fsync(_)"), "the folder of a pair is not synced in the end", SYNC),
    Change(
        "Account.password",
        drop_keyword("field(...)", "repr"),
        "a password stands in what an account is shown as",
    ),
)

HARMLESS: dict[tuple[str, str], str] = {}
