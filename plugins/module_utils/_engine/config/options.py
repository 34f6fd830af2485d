# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate options as people write them, and convert them to values that the engine can rely on.

Each function takes the options, the name of one, and its limits. An invalid value raises InputError with the name, the
value, the reason and what to do. ``None`` always means "not given".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from ..errors import InputError

Options = Mapping[str, object]

_MAX_SHOWN = 200
_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LOGIN = re.compile(r"(?<=://).*@|(?<![^\s/:])[^\s/:]+:[^\s/]*@", re.DOTALL)
_PRIVATE_KEY = "-----BEGIN "
_OF_SECRETS = ("private_key_file", "passphrase_file", "password_file", "client_secret_file")
_BEGINS_OF_PATHS = ("/", "~", "credential:")
NOT_SHOWN = "the value (not shown, because it may be a secret)"
LABEL = re.compile(r"[a-z0-9][a-z0-9_]{0,62}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = 1_000_000_000  # ns


class TimeFrame(NamedTuple):
    """Limit the times of files. Both ends are in ns since 1970, and None for no limit; the end is not included."""

    start_ns: int | None = None
    end_ns: int | None = None

    @property
    def is_limited(self) -> bool:
        return self.start_ns is not None or self.end_ns is not None

    def includes(self, time_ns: int | None) -> bool:
        """Return whether a time is in the frame. An unknown time (None) is in no limited frame."""
        if time_ns is None:
            return not self.is_limited
        return (self.start_ns is None or self.start_ns <= time_ns) and (self.end_ns is None or time_ns < self.end_ns)

    def __and__(self, other: TimeFrame) -> TimeFrame:
        """Return the frame of the times that are in both."""
        starts = [each.start_ns for each in (self, other) if each.start_ns is not None]
        ends = [each.end_ns for each in (self, other) if each.end_ns is not None]
        return TimeFrame(max(starts, default=None), min(ends, default=None))


ANY_TIME = TimeFrame()


def abbreviated(value: object) -> str:
    """Format a value for an error, as Python's repr, cut to 200 characters. Never call it with a secret.

    Of a dictionary, only the names are shown, and of a URL no user and password: a whole account may be misplaced.
    """
    if isinstance(value, Mapping):
        text = f"{{{', '.join(f'{_bare(name)}: ...' for name in value)}}}"
    elif isinstance(value, (list, tuple)):
        text = f"[{', '.join(map(_bare, value))}]"
    else:
        text = _bare(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _bare(value: object) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        return "{...}" if isinstance(value, Mapping) else "[...]"
    return without_secrets(value) if isinstance(value, str) else repr(value)


def without_secrets(value: str) -> str:
    """Format text as Python's repr, without a private key, and without the user and password of a URL."""
    if _PRIVATE_KEY in value:
        return NOT_SHOWN
    return repr(_LOGIN.sub("***@", value) if "@" in value else value)


def shown(name: str, value: object) -> str:
    """Format the value of an option for an error. An option for the path of a secret may be given the secret itself."""
    if not name.endswith(_OF_SECRETS):
        return abbreviated(value)
    is_path = isinstance(value, str) and value.startswith(_BEGINS_OF_PATHS) and not _CONTROL.search(value)
    return abbreviated(value) if is_path else NOT_SHOWN


def kind_of(value: object) -> str:
    """Return the type of a value in YAML's terms, for errors."""
    names = {dict: "a dictionary", list: "a list", tuple: "a list", bool: "a boolean", str: "text"}
    names.update({int: "an integer", float: "a number", type(None): "nothing"})
    return names.get(type(value), f"of type {type(value).__name__}")


def invalid(name: str, value: object, why: str, way_out: str) -> InputError:
    """Build an InputError that shows the option and its invalid value."""
    return InputError("option_invalid", f"{name}: {shown(name, value)} {why}.", way_out)


def missing(name: str, finding: str, way_out: str) -> InputError:
    return InputError("option_missing", f"{name}: {finding}.", way_out)


def merged(options: Options, defaults: Options) -> dict[str, object]:
    """Merge the options over the defaults of a preset. A value that is given wins."""
    return {**defaults, **{name: value for name, value in options.items() if value is not None}}


def text(options: Options, name: str, *, secret: bool = False) -> str | None:
    """Read text without NUL. The value of a secret never appears in the error."""
    value = options.get(name)
    if value is None:
        return None
    said = "" if secret or shown(name, value) == NOT_SHOWN else f": {abbreviated(value)}"
    if not isinstance(value, str):
        finding = f"{name}: the value must be text, but is {kind_of(value)}{said}."
        raise InputError("option_invalid", finding, f"Put the value of {name} in quotes.")
    if not value or "\0" in value:
        finding = f"{name}: the value is empty." if not value else f"{name}: the value contains a NUL character."
        raise InputError("option_invalid", finding, f"Give {name} a value, or remove it.")
    if not _is_utf_8(value):
        finding = f"{name}: the value is not UTF-8{said}."
        raise InputError("option_invalid", finding, f"Write the value of {name} in UTF-8.")
    return value


def _is_utf_8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def boolean(options: Options, name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(name, value, "is neither true nor false", f"Set {name} to true or false, without quotes.")
    return value


def choice(options: Options, name: str, choices: Sequence[str], default: str) -> str:
    value = options.get(name)
    if value is None:
        return default
    if value not in choices:
        raise invalid(name, value, "is not a valid value", f"Set {name} to one of: {', '.join(choices)}.")
    return str(value)


def number(options: Options, name: str, default: float, *, low: float, high: float, above: bool = False) -> float:
    """Read a number with ``low <= value <= high``; with ``above``, ``low < value``."""
    value = options.get(name)
    if value is None:
        return default
    way_out = (
        f"Set {name} to a number {'above' if above else 'from'} {low:g} {'and up to' if above else 'to'} {high:g}."
    )
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(name, value, "is not a number", way_out)
    if not low <= value <= high or (above and value == low):
        raise invalid(name, value, "is out of range", way_out)
    return float(value)


def _integer(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def integer(options: Options, name: str, default: int, *, low: int, high: int) -> int:
    """Read a whole number with ``low <= value <= high``."""
    value = options.get(name)
    if value is None:
        return default
    way_out = f"Set {name} to a whole number from {low} to {high}."
    whole = _integer(value)
    if whole is None:
        raise invalid(name, value, "is not a whole number", way_out)
    if not low <= whole <= high:
        raise invalid(name, value, "is out of range", way_out)
    return whole


def limit(options: Options, name: str) -> int | None:
    """Read a maximum count: 1 or more, or None for no limit."""
    return integer(options, name, 0, low=1, high=2**62) if options.get(name) is not None else None


def size(value: object, *, name: str = "size") -> int:
    """Convert a size to bytes: ``500``, ``"500"``, ``"500M"``, ``"1.5G"`` or ``"500MiB"``.

    K, M, G and T are powers of 1024.

    :raises InputError: the value is not such a size.
    """
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    count: object = value
    if found:
        digits, unit = found.groups()
        factor = _SIZE_UNITS[unit.upper()]
        count = int(digits) * factor if digits.isdigit() else int(float(digits) * factor)
    if isinstance(count, bool) or not isinstance(count, int):
        way_out = f"Set {name} to bytes, or to a number with K, M, G or T (powers of 1024), such as 500M."
        raise invalid(name, value, "is not a size", way_out)
    if not 0 <= count < 2**63:
        raise invalid(name, value, "is out of range", f"Set {name} to 0 bytes or more, and less than 8388608T.")
    return count


def strings(options: Options, name: str) -> tuple[str, ...] | None:
    """Read a list of texts; a single text is a list of one. None if not given; an empty list stays empty."""
    value = options.get(name)
    if value is None:
        return None
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, (list, tuple)):
        finding = f"{name}: the value must be text or a list of texts, but is {kind_of(value)}: {abbreviated(value)}."
        raise InputError("option_invalid", finding, f"Write {name} as a list, one entry a line.")
    for index, entry in enumerate(entries):
        where = f"{name}, entry {index + 1}"
        if not isinstance(entry, str):
            finding = f"{where}: the value must be text, but is {kind_of(entry)}: {abbreviated(entry)}."
            raise InputError("option_invalid", finding, "Put it in quotes.")
        if not entry.strip() or "\0" in entry:
            raise invalid(where, entry, "is empty or contains a NUL character", "Remove the entry, or give it a value.")
    return tuple(entries)


def dictionary(options: Options, name: str, known: Sequence[str], example: str) -> dict[str, object] | None:
    """Return an option that is a dictionary, with the option's name before each of its names."""
    value = options.get(name)
    if value is None:
        return None
    if not isinstance(value, Mapping) or not set(value) <= set(known):
        why = f"is not a dictionary with {' and '.join(known)}"
        raise invalid(name, value, why, f"Write it {example}.")
    return {f"{name}.{key}": entry for key, entry in value.items()}


def patterns(options: Options, name: str) -> tuple[str, ...]:
    """Read fnmatch patterns, which are compared with a file's name."""
    found = strings(options, name) or ()
    for pattern in found:
        if "/" in pattern:
            why = "contains a /; patterns are compared with the file's name only, so it would never match"
            raise invalid(name, pattern, why, "Set the folder in src or remote_dir; write only the file's name here.")
    return found


def wanted_patterns(options: Options, name: str) -> tuple[str, ...]:
    """Read the patterns of wanted files. Without them, all files are wanted, so a list that is empty is refused."""
    if options.get(name) in ([], ()):
        raise invalid(name, [], "contains no pattern, which would mean all files", f"Name files, or remove {name}.")
    return patterns(options, name)


def file_names(options: Options, name: str) -> tuple[str, ...]:
    """Read exact names of files, without their folders; none if the option is not given."""
    found = strings(options, name) or ()
    for each in found:
        if "/" in each or each in (".", ".."):
            way_out = f"Write the exact name of one file, without its folder. {name} may name several."
            raise invalid(name, each, "is not the name of a file", way_out)
    return found


def refuse_null(options: Options, names: Sequence[str]) -> None:
    """Refuse a value that was forgotten, for options whose default moves more files.

    For other options, null is as if they were absent. So a host can take back an option of its group.

    :raises InputError: one of the options is null.
    """
    for name in names:
        if name in options and options[name] is None:
            raise InputError("option_invalid", f"{name}: the value is empty.", f"Give {name} a value, or remove it.")


def clean(value: str, *, name: str) -> str:
    """Return a path without control characters and line separators. One could add a line to a file or a log.

    :raises InputError: it has such a character.
    """
    if _CONTROL.search(value):
        raise invalid(name, value, "contains a control character", "Rename the folder or file, or correct the path.")
    return value


def absolute(value: str, *, name: str) -> str:
    """Read a local path: ``~`` is expanded, and extra slashes are removed.

    :raises InputError: the path is not absolute, has ``..`` or a control character, or is not UTF-8 (the ledger cannot
        store it).
    """
    expanded = os.path.expanduser(clean(value, name=name))
    if not expanded.startswith("/"):
        way_out = f"Set {name} to an absolute path, such as /srv/files, or begin it with ~."
        raise invalid(name, value, "is not an absolute path", way_out)
    if expanded != expanded.encode("utf-8", "ignore").decode("utf-8"):
        raise invalid(name, value, "is not UTF-8", "Rename the folder, or use a link to it with a name in UTF-8.")
    parts = [part for part in expanded.split("/") if part not in ("", ".")]
    if ".." in parts:
        why = "contains '..', which leads elsewhere if a folder before it is a link"
        raise invalid(name, value, why, "Write the path without '..'.")
    return "/" + "/".join(parts)


def local_path(options: Options, name: str) -> str | None:
    value = text(options, name)
    return None if value is None else absolute(value, name=name)


def remote_folder(options: Options, name: str) -> str | None:
    """Read a folder on the server, absolute or relative to the login folder; ``.`` is the login folder."""
    value = text(options, name)
    return None if value is None else (clean(value, name=name).rstrip("/") or "/")


def label(value: object, *, name: str) -> str:
    """Check the name of an account or a job."""
    if not isinstance(value, str) or not LABEL.fullmatch(value):
        why = "is not a valid name"
        way_out = "Use 1 to 63 lower-case letters, digits and underscores; begin with a letter or digit."
        raise invalid(name, value, why, way_out)
    return value


def time_frame(options: Options, start: str, end: str) -> TimeFrame:
    """Read the two ends of a time frame. Each is a date, which is the begin of that day here, or a time with a zone.

    :param start: the name of the option for the begin.
    :param end: the name of the option for the end, which is not included.
    :raises InputError: one is invalid, or no time can be in the frame.
    """
    found = TimeFrame(_moment_ns(options, start), _moment_ns(options, end))
    if found.start_ns is not None and found.end_ns is not None and found.start_ns >= found.end_ns:
        why = f"is not before {end} ({abbreviated(options[end])}), which is not included, so no file would be in it"
        way_out = f"Set {end} to a later time; for one day, to the day after."
        raise invalid(start, options[start], why, way_out)
    return found


def _moment_ns(options: Options, name: str) -> int | None:
    """Read a date or a time with a zone; return it in ns since 1970."""
    value = text(options, name)
    if value is None:
        return None
    way_out = f"Set {name} to a date such as 2026-11-30, or to a time with its zone such as 2026-11-30T18:00:00+01:00."
    written = value.strip()
    try:
        if _DATE.fullmatch(written):
            # A day that begins with a change to summer time begins at that change.
            return int(datetime.fromisoformat(written).astimezone().timestamp()) * _SECOND
        found = _TIME.fullmatch(written)
        if found is None:
            raise invalid(name, value, "is neither a date nor a time", way_out)
        minutes, seconds, fraction, zone = found.groups()
        if zone is None:
            why = "has no time zone, so it is not clear which moment it is"
            raise invalid(name, value, why, f"{way_out} In YAML, put it in quotes.")
        at = datetime.fromisoformat(f"{minutes[:10]}T{minutes[11:]}:{seconds or '00'}+00:00") - _offset(zone)
        return (at - _EPOCH) // timedelta(seconds=1) * _SECOND + int((fraction or "0").ljust(9, "0"))
    except (ValueError, OverflowError, OSError):
        raise invalid(name, value, "is not in the calendar", way_out) from None


def _offset(zone: str) -> timedelta:
    """Return how far a zone such as ``Z``, ``+01`` or ``-0330`` is ahead of UTC."""
    if zone in "Zz":
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if zone[0] == "-" else ahead
