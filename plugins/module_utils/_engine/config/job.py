# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job: one movement of files for one account, with all its policies decided."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from . import options as read
from .presets import Preset

UPLOADS = ("rename", "direct")
AFTER_DROPOFF = ("archive", "keep", "delete")
AMBIGUOUS = ("hold", "resend")
EMPTY = ("transfer", "skip", "refuse")
AFTER_PICKUP = ("delete", "move", "keep")
VERIFY = ("size", "reread", "sidecar")
ON_DUPLICATE = ("deliver", "skip", "hold")

_DAY = 86400
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
_FILE_MODE = re.compile(r"0?[4-7][0-7]{2}")
_MAX_SHARES = 10_000
_MAX_RESULTS = 100_000
_PLACEHOLDERS = ("name", "stem", "random")
# A name has at most 255 bytes nearly everywhere; what the pattern does not use is for what the placeholders stand for.
_TEMP_NAME_BYTES = 100
_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class Share:
    """One of ``count`` equal shares of the files, which hosts of one mailbox have between them; ``index`` from 0."""

    index: int
    count: int


@dataclass(frozen=True)
class Dropoff:
    """Send local files to a folder on the server. Sizes are in bytes, times in seconds.

    ``sources`` are absolute paths of folders or files. ``include`` and ``exclude`` are fnmatch patterns that mind the
    case and look at the file name; an empty ``include`` means all. ``archive_dir`` None means ``archive`` inside each
    source folder. ``group`` and ``file_mode`` are as in Pickup, for an account of the protocol ``folder``.
    """

    direction: ClassVar[str] = "dropoff"

    name: str
    sources: tuple[str, ...]
    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    settle: float = 5.0
    upload: str = "rename"
    temp_name: str = ".{random}.part"
    after: str = "archive"
    archive_dir: str | None = None
    ambiguous: str = "hold"
    empty: str = "transfer"
    max_files: int | None = None
    max_bytes: int | None = None
    max_results: int = 1000
    group: str | None = None
    file_mode: int | None = None
    share: Share | None = None


@dataclass(frozen=True)
class Pickup:
    """Fetch files from a folder on the server into ``dest``. Units and patterns as in Dropoff.

    ``min_free`` is what must stay free on the file system of ``dest``. ``group`` (a name or a number) and ``file_mode``
    (permission bits) are given to each file before it is seen in ``dest``; None leaves them to the system.
    """

    direction: ClassVar[str] = "pickup"

    name: str
    dest: str
    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    settle: float = 5.0
    after: str = "delete"
    move_dir: str | None = None
    verify: str = "size"
    on_duplicate: str = "deliver"
    empty: str = "transfer"
    min_free: int = 100 * 1024**2
    max_files: int | None = None
    max_bytes: int | None = None
    max_results: int = 1000
    group: str | None = None
    file_mode: int | None = None
    share: Share | None = None


@dataclass(frozen=True)
class Listing:
    """Look at a folder on the server. Patterns as in Dropoff."""

    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_results: int = 1000


def dropoff_from_options(options: Mapping[str, object], preset: Preset, *, name: str | None = None) -> Dropoff:
    """A Dropoff from options by their public names, over the defaults of the preset. Looks at no disk.

    :param name: the job's name; without one it is derived from ``src``, and so is the same in every run.
    :raises InputError: an option cannot be meant as it stands, or a needed one is missing.
    """
    found = read.merged(options, preset.dropoff)
    sources = _sources(found)
    archive_dir = read.local_path(found, "archive_dir")
    if archive_dir in sources:
        why = "is also in src, so archived files would be sent again"
        raise read.refused("archive_dir", archive_dir, why, "Set it to another folder, on the same file system.")
    return Dropoff(
        name=_job_name(name, "dropoff", sources),
        sources=sources,
        remote_dir=_remote_dir(found, preset),
        include=read.patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        settle=read.number(found, "settle", Dropoff.settle, low=0, high=_DAY),
        upload=read.choice(found, "upload", UPLOADS, Dropoff.upload),
        temp_name=_temp_name(found, Dropoff.temp_name),
        after=read.choice(found, "after", AFTER_DROPOFF, Dropoff.after),
        archive_dir=archive_dir,
        ambiguous=read.choice(found, "ambiguous", AMBIGUOUS, Dropoff.ambiguous),
        empty=read.choice(found, "empty", EMPTY, Dropoff.empty),
        max_files=read.limit(found, "max_files"),
        max_bytes=_max_bytes(found),
        max_results=read.integer(found, "max_results", Dropoff.max_results, low=0, high=_MAX_RESULTS),
        group=_group(found),
        file_mode=_file_mode(found),
        share=_share(found),
    )


def pickup_from_options(options: Mapping[str, object], preset: Preset, *, name: str | None = None) -> Pickup:
    """A Pickup from options by their public names, over the defaults of the preset. Looks at no disk.

    :param name: the job's name; without one it is derived from the two folders, and so is the same in every run.
    :raises InputError: an option cannot be meant as it stands, or a needed one is missing.
    """
    found = read.merged(options, preset.pickup)
    dest = read.local_path(found, "dest")
    if dest is None:
        raise read.missing("dest", "this is not given", "Set dest to the folder that the files are to come into.")
    remote_dir = _remote_dir(found, preset)
    after = read.choice(found, "after", AFTER_PICKUP, Pickup.after)
    return Pickup(
        name=_job_name(name, "pickup", (remote_dir, dest)),
        dest=dest,
        remote_dir=remote_dir,
        include=read.patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        settle=read.number(found, "settle", Pickup.settle, low=0, high=_DAY),
        after=after,
        move_dir=_move_dir(found, after, remote_dir),
        verify=read.choice(found, "verify", VERIFY, Pickup.verify),
        on_duplicate=read.choice(found, "on_duplicate", ON_DUPLICATE, Pickup.on_duplicate),
        empty=read.choice(found, "empty", EMPTY, Pickup.empty),
        min_free=Pickup.min_free if found.get("min_free") is None else read.size(found["min_free"], name="min_free"),
        max_files=read.limit(found, "max_files"),
        max_bytes=_max_bytes(found),
        max_results=read.integer(found, "max_results", Pickup.max_results, low=0, high=_MAX_RESULTS),
        group=_group(found),
        file_mode=_file_mode(found),
        share=_share(found),
    )


def listing_from_options(options: Mapping[str, object], preset: Preset) -> Listing:
    """A Listing from options by their public names; the preset's pickup folder unless another is named.

    :raises InputError: an option cannot be meant as it stands, or a needed one is missing.
    """
    found = read.merged(options, {name: value for name, value in preset.pickup.items() if name == "remote_dir"})
    return Listing(
        remote_dir=_remote_dir(found, preset),
        include=read.patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        max_results=read.integer(found, "max_results", Listing.max_results, low=0, high=_MAX_RESULTS),
    )


def folders_from_options(options: Mapping[str, object], preset: Preset) -> tuple[tuple[str, ...], str | None]:
    """The remote folders to look at when a connection is described, and the one in which things may be tried, if any.

    Without ``folders``, those that the preset drops off into and picks up from; else the login folder.
    """
    named = read.strings(options, "folders")
    if not named:
        of_preset = [jobs["remote_dir"] for jobs in (preset.dropoff, preset.pickup) if "remote_dir" in jobs]
        named = read.strings({"folders": of_preset or ["."]}, "folders") or ()
    return tuple(dict.fromkeys(name.rstrip("/") or "/" for name in named)), read.remote_folder(options, "probe_dir")


def _sources(options: Mapping[str, object]) -> tuple[str, ...]:
    found = read.strings(options, "src")
    if found is None:
        raise read.missing("src", "this is not given", "Set src to a folder, a file, or a list of them.")
    if not found:
        raise read.refused("src", [], "names nothing to send", "Set src to a folder, a file, or a list of them.")
    return tuple(dict.fromkeys(read.absolute(path, name="src") for path in found))


def _remote_dir(options: Mapping[str, object], preset: Preset) -> str:
    found = read.remote_folder(options, "remote_dir")
    if found is not None:
        return found
    finding = f"this is not given, and the preset {preset.name} does not say it" if preset.name else "this is not given"
    raise read.missing("remote_dir", finding, "Set remote_dir to the folder on the server; '.' is the login folder.")


def _move_dir(options: Mapping[str, object], after: str, remote_dir: str) -> str | None:
    found = read.remote_folder(options, "move_dir")
    if after != "move":
        return None
    if found is None:
        finding = "this is not given, and after=move needs it"
        raise read.missing(
            "move_dir", finding, "Set move_dir to a folder on the server, or set after to delete or keep."
        )
    if found == remote_dir:
        why = "is remote_dir itself, so the files would stay where they are"
        raise read.refused("move_dir", found, why, "Set it to another folder on the server.")
    return found


def _max_bytes(options: Mapping[str, object]) -> int | None:
    value = options.get("max_bytes")
    if value is None:
        return None
    found = read.size(value, name="max_bytes")
    if found == 0:
        raise read.refused("max_bytes", value, "lets no file through", "Leave max_bytes out for no limit.")
    return found


def _share(options: Mapping[str, object]) -> Share | None:
    value = options.get("share")
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"index", "count"} or None in value.values():
        way_out = "Write share with the number of hosts in count, and in index which of them this is, from 0."
        raise read.refused("share", value, "is not a dictionary with index and count", way_out)
    found = {f"share.{name}": entry for name, entry in value.items()}
    count = read.integer(found, "share.count", 1, low=1, high=_MAX_SHARES)
    return Share(read.integer(found, "share.index", 0, low=0, high=count - 1), count)


def _group(options: Mapping[str, object]) -> str | None:
    """A group's name or number as text; whether there is one is seen when the job runs."""
    value = options.get("group")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 - 1:
        return str(value)
    found = read.text(options, "group")
    if found is not None and not _GROUP.fullmatch(found):
        raise read.refused("group", found, "is not the name of a group", "Name a group of this host, or its number.")
    return found


def _file_mode(options: Mapping[str, object]) -> int | None:
    value = options.get("file_mode")
    if value is None:
        return None
    way_out = 'Write the permissions as octal digits in quotes, such as "0640"; their owner must be able to read files.'
    if isinstance(value, int):
        raise read.refused("file_mode", value, "is a number, which may have been meant to be octal or not", way_out)
    if not isinstance(value, str) or not _FILE_MODE.fullmatch(value):
        raise read.refused("file_mode", value, "is nothing that a delivered file can have", way_out)
    return int(value, 8)


def _temp_name(options: Mapping[str, object], default: str) -> str:
    """A pattern for temp names on the server, checked as far as that goes without a file's name."""
    pattern = read.text(options, "temp_name")
    if pattern is None:
        return default
    way_out = f"Use letters, digits, dots and the placeholders {{name}}, {{stem}} and {{random}}, such as {default!r}."
    placeholders = re.findall(r"\{([^{}]*)\}", pattern)
    literal = re.sub(r"\{[^{}]*\}", "", pattern)
    why = ""
    if "{" in literal or "}" in literal:
        why = "has a brace without its pair in it"
    elif unknown := [found for found in placeholders if found not in _PLACEHOLDERS]:
        why = f"has a placeholder that does not exist: {{{unknown[0]}}}"
    elif "/" in literal or not literal.isprintable():
        why = "has a / or a control character in it, and a temp file lies beside the final one"
    elif not {"random", "name"} & set(placeholders):
        why = "has neither {random} nor {name} in it, so two files could get the same temp name"
    elif pattern == "{name}":
        why = "is the final name itself"
    elif len(literal.encode()) > _TEMP_NAME_BYTES:
        why = f"would grow too long: {_TEMP_NAME_BYTES} bytes besides the placeholders are the most"
    elif len(placeholders) > len(set(placeholders)) or {"name", "stem"} <= set(placeholders):
        why = "would grow too long: use each placeholder once, and only one of {name} and {stem}"
    if why:
        raise read.refused("temp_name", pattern, why, way_out)
    return pattern


def _job_name(given: str | None, direction: str, places: tuple[str, ...]) -> str:
    """The same for the same places in any order; a digest stands for what would be too long to read."""
    if given is not None:
        return read.label(given, name="name")
    named = ", ".join(sorted(places)) if direction == "dropoff" else " > ".join(places)
    if len(named) > _NAME_CHARACTERS:
        digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        named = f"{named[:_NAME_CHARACTERS]}... {digest}"
    return f"{direction}:{named}"
