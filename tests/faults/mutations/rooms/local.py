# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about local files, and about making them durable."""

from __future__ import annotations

from ..mutation import SYNC
from ..operations import (
    Change,
    always,
    drop_element,
    drop_keyword,
    drop_operand,
    drop_statement,
    never,
    replace,
    set_argument,
    value,
)

CHANGES = (
    Change("_RENAME_NOREPLACE", value("0"), "publishing and archiving replace what is there"),
    Change("Part.__init__", drop_operand("os.O_EXCL"), "parts are opened, not made"),
    Change(
        "Folder.status",
        drop_keyword("os.stat(...)", "follow_symlinks"),
        "links are followed where one name is looked at",
    ),
    Change(
        "Folder.listing",
        drop_keyword("_.stat(...)", "follow_symlinks"),
        "links are followed where a folder is listed",
    ),
    Change("SourceFile.__init__", drop_operand("os.O_NOFOLLOW"), "links are sent"),
    Change("SourceFile.__init__", drop_operand("os.O_NONBLOCK"), "a pipe makes it wait"),
    Change(
        "Part.write",
        replace("os.write(_a, _b)", "os.write(_a, _b) + len(_b)"),
        "a write that is done in part counts for the whole",
    ),
    Change("Part.write", drop_statement("self._hash.update(_)"), "what is fetched is not hashed"),
    Change("SourceFile.read", drop_statement("self._hash.update(_)"), "what is sent is not hashed"),
    Change(
        "SourceFile.lend_access_to",
        set_argument("os.fchmod(...)", 1, "0o644"),
        "a copy in the archive may be read by all",
    ),
    Change(
        "SourceFile.lend_access_to",
        replace("_a & ~_SET_ID", "_a"),
        "a copy in the archive keeps its set-user-ID bit",
    ),
    Change(
        "remove_parts",
        replace("_a.startswith(_)", "_a.endswith('.part')"),
        "the parts of other jobs are removed",
    ),
    Change("remove_parts", drop_operand("not _is_in_use(...)"), "a part that is in use is removed"),
    Change("Part.__init__", drop_statement("_lock(_)"), "nobody can tell that a part is in use"),
    Change("part_prefix", replace("key_of(_a, _b, _c)", "key_of(_b, _c)"), "the parts of other ledgers are removed"),
    Change(
        "DestLock._is_mine",
        drop_statement("self._require_finished(_)"),
        "another ledger goes on where a run was killed",
    ),
    Change("DestLock._is_marked_as_mine", never("_a and _b"), "two ledgers fetch into one folder at once"),
    Change("DestLock.release", always("is_finished"), "a run that ended early lets another ledger go on"),
    Change("_LOCK_FLAGS", drop_operand("os.O_NOFOLLOW"), "a lock in `dest` may be a link"),
    Change("Syncer.sync_new", drop_element("self.sync(folder)"), "a new file's name is not synced", SYNC),
    Change("Syncer.sync_new", drop_element("self.sync(file)"), "a new file itself is not synced", SYNC),
    Change(
        "Syncer.sync_move", drop_element("self.sync(out_of)"), "the folder that a file has left is not synced", SYNC
    ),
    Change(
        "Syncer.sync_move",
        drop_element("self.sync(into)"),
        "the folder that a file has come into is not synced",
        SYNC,
    ),
    Change(
        "Syncer.sync_move",
        drop_statement("self._left.add(_)"),
        "the folder that a file has left may be synced first",
        SYNC,
    ),
    Change("_sync", drop_statement("os.fsync(_)"), "nothing is synced", SYNC),
    Change(
        "Syncer._run",
        replace("_ if _ else _b", "_b"),
        "the folder that a file has left is synced though the other could not be",
        SYNC,
    ),
    Change(
        "_set_results",
        replace("_a.set_exception(...)", "_a.set_result(None)"),
        "an error of a sync is passed over",
        SYNC,
    ),
)

HARMLESS: dict[tuple[str, str], str] = {}
