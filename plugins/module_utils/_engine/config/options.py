# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options as people write them, made into values that the engine can rely on.

Every reader takes the options, the name of one, and says what is allowed; what is refused raises InputError with the
name, the value found, the reason and the way out. ``None`` always means "not given".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ..errors import InputError

Options = Mapping[str, object]

_SHOWN = 200
_SIZE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
LABEL = re.compile(r"[a-z0-9][a-z0-9_]{0,62}")


def shown(value: object) -> str:
    """A value for an error: as Python writes it, cut where it grows too long to read. Never call it with a secret."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def kind_of(value: object) -> str:
    """The type of a value in the words of YAML, for errors."""
    names = {dict: "a dictionary", list: "a list", tuple: "a list", bool: "a boolean", str: "text"}
    names.update({int: "an integer", float: "a number", type(None): "nothing"})
    return names.get(type(value), f"of the type {type(value).__name__}")


def refused(name: str, value: object, why: str, way_out: str) -> InputError:
    """An InputError that shows the option and the value found."""
    return InputError("option_invalid", f"{name}: {shown(value)} {why}.", way_out)


def missing(name: str, finding: str, way_out: str) -> InputError:
    return InputError("option_missing", f"{name}: {finding}.", way_out)


def merged(options: Options, defaults: Options) -> dict[str, object]:
    """The options over the defaults of a preset: whatever is given explicitly wins."""
    return {**defaults, **{name: value for name, value in options.items() if value is not None}}


def text(options: Options, name: str, *, secret: bool = False) -> str | None:
    """Text without NUL; a secret's value never gets into the error."""
    value = options.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        finding = f"{name}: this must be text, and is {kind_of(value)}"
        finding += "." if secret else f": {shown(value)}."
        raise InputError("option_invalid", finding, f"Put the value of {name} in quotes.")
    if not value or "\0" in value:
        finding = f"{name}: this is empty." if not value else f"{name}: this has a NUL character in it."
        raise InputError("option_invalid", finding, f"Give {name} a value, or leave it out.")
    if not _is_utf_8(value):
        finding = f"{name}: this is not UTF-8" + ("." if secret else f": {shown(value)}.")
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
        raise refused(name, value, "is neither true nor false", f"Set {name} to true or false, without quotes.")
    return value


def choice(options: Options, name: str, choices: Sequence[str], default: str) -> str:
    value = options.get(name)
    if value is None:
        return default
    if value not in choices:
        raise refused(name, value, "is not a value that it can have", f"Set {name} to one of: {', '.join(choices)}.")
    return str(value)


def number(options: Options, name: str, default: float, *, low: float, high: float, above: bool = False) -> float:
    """A number of seconds or the like, ``low <= value <= high``; with ``above``, ``low < value``."""
    value = options.get(name)
    if value is None:
        return default
    way_out = (
        f"Set {name} to a number {'above' if above else 'from'} {low:g} {'and up to' if above else 'to'} {high:g}."
    )
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refused(name, value, "is not a number", way_out)
    if not low <= value <= high or (above and value == low):
        raise refused(name, value, "is out of range", way_out)
    return float(value)


def _integer(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,20}\s*", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def integer(options: Options, name: str, default: int, *, low: int, high: int) -> int:
    """A whole number, ``low <= value <= high``."""
    value = options.get(name)
    if value is None:
        return default
    way_out = f"Set {name} to a whole number from {low} to {high}."
    whole = _integer(value)
    if whole is None:
        raise refused(name, value, "is not a whole number", way_out)
    if not low <= whole <= high:
        raise refused(name, value, "is out of range", way_out)
    return whole


def limit(options: Options, name: str) -> int | None:
    """How many at most: 1 or more, or None for no limit."""
    return integer(options, name, 0, low=1, high=2**62) if options.get(name) is not None else None


def size(value: object, *, name: str = "size") -> int:
    """A number of bytes, from ``500``, ``"500"``, ``"500M"``, ``"1.5G"`` or ``"500MiB"``.

    K, M, G and T are powers of 1024.

    :raises InputError: anything else.
    """
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    count: object = value
    if found:
        digits, unit = found.groups()
        factor = _SIZE_UNITS[unit.upper()]
        count = int(digits) * factor if digits.isdigit() else int(float(digits) * factor)
    if isinstance(count, bool) or not isinstance(count, int):
        way_out = f"Set {name} to bytes, or to a number with K, M, G or T (powers of 1024), such as 500M."
        raise refused(name, value, "is not a size", way_out)
    if not 0 <= count < 2**63:
        raise refused(name, value, "is out of range", f"Set {name} to 0 bytes or more, and less than 8388608T.")
    return count


def strings(options: Options, name: str) -> tuple[str, ...] | None:
    """A list of texts, or one text for a list of one. None when not given; an empty list stays empty."""
    value = options.get(name)
    if value is None:
        return None
    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, (list, tuple)):
        finding = f"{name}: this must be text or a list of texts, and is {kind_of(value)}: {shown(value)}."
        raise InputError("option_invalid", finding, f"Write {name} as a list, one entry a line.")
    for index, entry in enumerate(entries):
        where = f"{name}, entry {index + 1}"
        if not isinstance(entry, str):
            finding = f"{where}: this must be text, and is {kind_of(entry)}: {shown(entry)}."
            raise InputError("option_invalid", finding, "Put it in quotes.")
        if not entry.strip() or "\0" in entry:
            raise refused(where, entry, "is empty or has a NUL character in it", "Take it out, or give it a value.")
    return tuple(entries)


def patterns(options: Options, name: str) -> tuple[str, ...]:
    """fnmatch patterns that are compared with a file's name."""
    found = strings(options, name) or ()
    for pattern in found:
        if "/" in pattern:
            why = "has a / in it, and patterns are compared with the name of a file, so it would never match"
            raise refused(name, pattern, why, "Name the folder in src, or in remote_dir, and only the file here.")
    return found


def absolute(value: str, *, name: str) -> str:
    """A local path, with ``~`` expanded, without doubled or trailing slashes. ``..`` stays: it may cross a link.

    :raises InputError: the path is not absolute, has a NUL in it, or is not UTF-8, which a ledger could not keep.
    """
    expanded = os.path.expanduser(value)
    if not expanded.startswith("/") or "\0" in expanded:
        why = "is not an absolute path" if "\0" not in expanded else "has a NUL character in it"
        raise refused(name, value, why, f"Write {name} from the root on, such as /srv/files, or from a home with ~.")
    if expanded != expanded.encode("utf-8", "ignore").decode("utf-8"):
        raise refused(name, value, "is not UTF-8", "Rename the folder that is not, or reach it by a link that is.")
    return "/" + "/".join(part for part in expanded.split("/") if part not in ("", "."))


def local_path(options: Options, name: str) -> str | None:
    value = text(options, name)
    return None if value is None else absolute(value, name=name)


def remote_folder(options: Options, name: str) -> str | None:
    """A folder on the server, absolute or from the login folder; ``.`` is the login folder itself."""
    value = text(options, name)
    return None if value is None else (value.rstrip("/") or "/")


def label(value: object, *, name: str) -> str:
    """A name of an account or a job."""
    if not isinstance(value, str) or not LABEL.fullmatch(value):
        why = "is not a name that it can have"
        way_out = "Use 1 to 63 small letters, digits and underscores, and begin with a letter or digit."
        raise refused(name, value, why, way_out)
    return value
