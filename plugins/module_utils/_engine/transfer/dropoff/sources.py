# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open the sources of a drop-off: folders, and single files."""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterable

from ...errors import DiskError, TransferError
from ...local import names
from ...local.folder import Folder, disk_error
from ...local.walk import LinkRefused, way_to


def open_sources(sources: Iterable[str]) -> list[tuple[Folder, set[str] | None]]:
    """Open the folders of the sources. Return each with the wanted names in it (None: all).

    :raises DiskError: a source is missing, or cannot be opened.
    """
    found: dict[str, tuple[Folder, set[str] | None]] = {}
    for source in sources:
        path, name = (source, None) if _is_folder(source) else os.path.split(source)
        folder, wanted = found.get(path) or (Folder(path, option="src"), set())
        found[path] = (folder, None if name is None or wanted is None else wanted | {name})
    return list(found.values())


def _is_folder(source: str) -> bool:
    """Return whether a source is a folder. A link to a file counts as a file, which is refused by its own outcome."""
    try:
        status = way_to(source).status
        if status is None:
            raise DiskError("local_missing", f"{source!r} in `src` does not exist.", "Create it, or correct `src`.")
        return modes.S_ISDIR(status.st_mode)
    except LinkRefused as error:
        if os.path.isdir(source):
            raise disk_error(error, f"open the folder {source!r} (`src`)") from error
        return False
    except OSError as error:
        raise disk_error(error, f"find {source!r} (`src`)") from error


def kind_of(status: os.stat_result) -> str:
    return "folder" if modes.S_ISDIR(status.st_mode) else "link" if modes.S_ISLNK(status.st_mode) else "special file"


def not_a_file(name: str, kind: str) -> TransferError:
    return TransferError(
        "not_a_file",
        f"{names.quoted(name)} in `src` is a {kind}, but only regular files are sent.",
        "Name the file itself. A link is never followed.",
    )
