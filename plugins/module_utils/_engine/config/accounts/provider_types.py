# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the options of a drop-off to a provider that takes files in requests: types of files, and refused files."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence

from ...errors import InputError
from .. import options as read

PROTOCOLS = ("amili_api",)
"""The protocols that take files in requests. They have no folders, no names to look at, and no pickup."""

_OF_REQUESTS = ("file_types", "rejected_dir")
_OF_FOLDERS = ("remote_dir", "upload", "temp_name", "verify")
_LONGEST_TYPE = 100  # characters


def file_types(options: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """Return the patterns with their types, in their order.

    A list of dictionaries is accepted besides a dictionary: some tools sort the keys of dictionaries.

    :raises InputError: they are missing or invalid.
    """
    given = options.get("file_types")
    if given is None:
        finding = "this option is missing, and the protocol amili_api sends no file without a type"
        raise read.missing("file_types", finding, 'Set it to patterns and types, such as {"*.csv": TYPE}.')
    found = tuple(_pairs(given))
    if not found:
        raise read.invalid("file_types", given, "is empty, so no file has a type", "Add a pattern and its type.")
    return found


def _pairs(given: object) -> Iterator[tuple[str, str]]:
    way_out = 'Write patterns and the provider\'s types, such as {"*.csv": "InvoiciaFormatDocFile"}.'
    for entry in given if isinstance(given, (list, tuple)) else [given]:
        if not isinstance(entry, Mapping):
            raise read.invalid("file_types", entry, "is not a dictionary of patterns and types", way_out)
        for pattern, type_ in entry.items():
            if not isinstance(pattern, str) or not pattern or "/" in pattern:
                raise read.invalid("file_types", pattern, "is not a pattern of file names", way_out)
            is_text = isinstance(type_, str) and type_.strip() == type_ and 0 < len(type_) <= _LONGEST_TYPE
            if not is_text or "/" in type_ or not type_.isprintable():
                raise read.invalid("file_types", type_, f"is not a type of files (pattern {pattern!r})", way_out)
            yield pattern, type_


def type_of(name: str, types: Sequence[tuple[str, str]]) -> str | None:
    """Return the type of the first pattern that fits; case counts. None if none fits."""
    for pattern, type_ in types:
        if fnmatch.fnmatchcase(name, pattern):
            return type_
    return None


def rejected_dir(options: Mapping[str, object], sources: Sequence[str], archive_dir: str | None) -> str | None:
    """Return the folder for refused files. It must not be one from which files are sent.

    :raises InputError: the path is invalid.
    """
    found = read.local_path(options, "rejected_dir")
    if found is not None and found in (*sources, archive_dir):
        why = "is also in src or archive_dir, so refused files would be mixed with others"
        raise read.invalid("rejected_dir", found, why, "Set it to a folder of its own.")
    return found


def refuse_others(options: Mapping[str, object], *, by_request: bool) -> None:
    """Refuse options that a drop-off over this protocol does not have.

    :raises InputError: one of them is given.
    """
    for name in _OF_FOLDERS if by_request else _OF_REQUESTS:
        if options.get(name) is not None:
            kind = "over the protocol amili_api" if by_request else "that is not over the protocol amili_api"
            raise InputError("option_unknown", f"{name}: unknown option for a drop-off {kind}.", f"Remove {name}.")


def refuse_folders(options: Mapping[str, object]) -> None:
    """Refuse folders to look at.

    :raises InputError: one of them is given.
    """
    for name in ("folders", "probe_dir"):
        if options.get(name) is not None:
            finding = f"{name}: unknown option for the protocol amili_api, which has no folders."
            raise InputError("option_unknown", finding, f"Remove {name}.")


def refuse_direction(protocol: object, what: str) -> None:
    """Refuse a direction that these protocols do not have.

    :raises InputError: it is one of them.
    """
    if protocol in PROTOCOLS:
        finding = f"direction: the protocol {protocol} is for drop-offs only, and {what} is not possible over it."
        raise InputError("option_invalid", finding, "Use an account of another protocol, such as amili_sftp.")
