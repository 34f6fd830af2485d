# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the option ``companions``, and find out which files belong together.

The stem of a file is its name without what the end of its pattern matches: everything after the last ``*``, or after
the last ``?`` or ``[...]`` of a pattern that has no ``*``. So ``*.coda.zip`` gives ``a.coda.zip`` the stem ``a``.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from .. import options as read

_PIECE = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_NAMES = ("pattern", "optional", "after_taken")


class Companion(NamedTuple):
    """Define one kind of files of a set.

    :ivar optional: whether the set is complete without such a file.
    :ivar after_taken: whether such a file goes only once the file before it in the set is gone from the server.
    """

    pattern: str
    optional: bool = False
    after_taken: bool = False


class Place(NamedTuple):
    """The place of a file: the stem of its set, and the number of its companion in the order of sending."""

    stem: str
    number: int


def place_of(name: str, companions: Sequence[Companion]) -> Place | None:
    """Return the place of a file in its set; None if it goes by itself.

    If several patterns fit, the one with the longest fixed end counts.
    """
    fitting = [
        (-_tail(one.pattern), number) for number, one in enumerate(companions) if fnmatch.fnmatchcase(name, one.pattern)
    ]
    if not fitting:
        return None
    tail, number = min(fitting)
    return Place(name[: len(name) + tail], number)


@lru_cache(maxsize=1000)
def _tail(pattern: str) -> int:
    """Return how many characters of a name the end of a pattern matches."""
    pieces = _PIECE.findall(pattern)
    wild = [place for place, piece in enumerate(pieces) if piece == "*"] or [
        place for place, piece in enumerate(pieces) if piece == "?" or len(piece) > 1
    ]
    return len(pieces) - 1 - wild[-1] if wild else len(pieces)


def companions_from_options(options: read.Options) -> tuple[Companion, ...]:
    """Read the option ``companions``: a list of patterns, or of dictionaries with a pattern.

    :raises InputError: it is invalid.
    """
    name = "companions"
    value = options.get(name)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise read.invalid(
            name, value, "is not a list", f"Write {name} as a list of patterns, in the order of sending."
        )
    found = tuple(_companion(entry, f"{name}, entry {number}") for number, entry in enumerate(value, 1))
    patterns = [one.pattern for one in found]
    twice = [pattern for pattern in patterns if patterns.count(pattern) > 1]
    if twice:
        raise read.invalid(name, twice[0], "is there twice", "Remove one of them.")
    if len(found) == 1:
        raise read.invalid(name, patterns[0], "is the only pattern, so no files belong together", "Add the others.")
    if found and found[0].after_taken:
        why = "is the first pattern, so there is no file before it that can be taken"
        raise read.invalid(f"{name}, entry 1", patterns[0], why, "Remove after_taken, or change the order.")
    return found


def _companion(entry: object, where: str) -> Companion:
    options = {"pattern": entry} if isinstance(entry, str) else entry
    way_out = f"Write a pattern, or a dictionary with {', '.join(_NAMES)}."
    if not isinstance(options, Mapping):
        raise read.invalid(where, entry, "is neither a pattern nor a dictionary", way_out)
    unknown = [name for name in options if name not in _NAMES]
    if unknown:
        raise read.invalid(where, unknown[0], "is an unknown option", way_out)
    given = {f"{where}, {name}": value for name, value in options.items()}
    pattern = read.text(given, f"{where}, pattern")
    if pattern is None:
        raise read.missing(where, "pattern is missing", way_out)
    read.patterns({where: [pattern]}, where)
    if _tail(pattern) == len(_PIECE.findall(pattern)):
        why = "has no *, so it matches one file only, and has no stem"
        raise read.invalid(where, pattern, why, "Write * in the place of the name that the files share, such as *.pdf.")
    return Companion(
        pattern,
        optional=read.boolean(given, f"{where}, optional", default=False),
        after_taken=read.boolean(given, f"{where}, after_taken", default=False),
    )
