# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define a job: one movement of files for one account, with all its options."""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from .. import options as read
from ..accounts import provider_types
from ..accounts.presets import Preset
from .companions import Companion, companions_from_options

UPLOADS = ("rename", "direct")
AFTER_DROPOFF = ("archive", "keep", "delete")
AMBIGUOUS = ("hold", "resend")
EMPTY = ("transfer", "skip", "refuse")
AFTER_PICKUP = ("delete", "move", "keep")
VERIFY_DROPOFF = ("size", "hash", "close")
VERIFY_PICKUP = ("size", "hash", "reread", "sidecar")
ON_DUPLICATE = ("deliver", "skip", "hold")

ARCHIVE = "archive"
"""The folder inside a source that files are archived to, unless ``archive_dir`` names another one."""

DATE = "{date}"
"""The place in ``move_dir`` for the local day of the move."""

_DAY = 86400
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}")
_FILE_MODE = re.compile(r"0?[4-7][0-7]{2}")
_MAX_SHARES = 10_000
_MAX_RESULTS = 100_000
_PLACEHOLDERS = ("name", "stem", "random")
# Most file systems limit a name to 255 bytes. What the pattern leaves is for the values of the placeholders.
_TEMP_NAME_BYTES = 100
_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class Share:
    """Define one of ``count`` equal shares of the files, for hosts that share a mailbox; ``index`` starts at 0."""

    index: int
    count: int


class Job(Protocol):
    """What every direction's job has. A direction adds its own options.

    :ivar direction: its name; config/jobs/directions.py and transfer/directions.py know it by that.
    :ivar origin: the side on which the originals are: ``local`` or ``remote``.
    """

    direction: ClassVar[str]
    origin: ClassVar[str]

    @property
    def name(self) -> str:
        """The name of the job."""

    @property
    def remote_dir(self) -> str:
        """The folder on the server."""

    @property
    def verify(self) -> str:
        """What proves that a copy is complete."""

    @property
    def include(self) -> tuple[str, ...]:
        """Patterns of names that are moved."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of names that are not moved."""

    @property
    def modified(self) -> read.TimeFrame:
        """The times of files that are moved."""

    @property
    def companions(self) -> tuple[Companion, ...]:
        """Files that belong together; none: each file is moved alone."""

    @property
    def settle(self) -> float:
        """For how many seconds a file must be unchanged."""

    @property
    def after(self) -> str:
        """What happens to an original after its delivery."""

    @property
    def max_files(self) -> int | None:
        """The largest number of files of a run; None: no limit."""

    @property
    def max_bytes(self) -> int | None:
        """The largest number of bytes of a run; None: no limit."""

    @property
    def max_results(self) -> int:
        """The largest number of files in a result."""

    @property
    def share(self) -> Share | None:
        """The part of the files that this host moves; None: all."""

    @property
    def group(self) -> str | None:
        """The group of delivered local files; None: no change."""

    @property
    def file_mode(self) -> int | None:
        """The permissions of delivered local files; None: no change."""

    @property
    def arrivals(self) -> tuple[str, ...]:
        """Folders and files of this host whose arrival can start the job."""

    @property
    def folders(self) -> LocalFolders:
        """The folders of this host that the job works in."""

    def original_after(self, name: str, origin: str, local_path: str) -> list[str]:
        """Where the original of a delivered file is afterwards: its path, or nothing if it is deleted.

        :param origin: where it was.
        :param local_path: where the file is on this host now, or will be; empty if that is not decided.
        """


class LocalJob(Job, Protocol):
    """What the job of a direction has whose originals are on this host."""

    def remote_folder_of(self, name: str) -> str | None:
        """Return the folder on the server for a file; None if the provider has no type for it."""

    def remote_path(self, name: str) -> str:
        """Return the path that a file gets on the server; empty if there is no server."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Folders and files that are sent."""

    @property
    def archive_dir(self) -> str | None:
        """Where originals are archived; None: inside their folder."""

    @property
    def empty(self) -> str:
        """What happens to empty files."""


class LocalFolders(NamedTuple):
    """Folders of this host.

    :ivar option: the option that names them.
    """

    option: str
    written: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dropoff:
    """Send local files to a folder on the server. Sizes are in bytes, times in seconds.

    ``sources`` are absolute paths of folders or files. ``include`` and ``exclude`` are case-sensitive fnmatch patterns
    for the file name; an empty ``include`` means all. ``modified`` limits the files' times. ``archive_dir`` None means
    ``archive`` inside each source folder.
    ``group`` and ``file_mode`` are as in Pickup, for an account of the protocol ``folder``. ``remote_name`` is the name
    that a single file gets there; None: its own.
    ``file_types`` and ``rejected_dir`` are for a provider that takes many files in one request and judges each.
    ``file_types`` are patterns with the provider's types; ``rejected_dir`` is where refused files go, if anywhere.
    """

    direction: ClassVar[str] = "dropoff"
    origin: ClassVar[str] = "local"

    name: str
    sources: tuple[str, ...]
    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    modified: read.TimeFrame = read.ANY_TIME
    settle: float = 5.0
    companions: tuple[Companion, ...] = ()
    upload: str = "rename"
    temp_name: str = ".{random}.part"
    verify: str = "size"
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
    file_types: tuple[tuple[str, str], ...] = ()
    rejected_dir: str | None = None
    remote_name: str | None = None

    def remote_folder_of(self, name: str) -> str | None:
        """Return the folder on the server for a file; with ``file_types`` that is the type, or None if it has none."""
        return provider_types.type_of(name, self.file_types) if self.file_types else self.remote_dir

    @property
    def arrivals(self) -> tuple[str, ...]:
        return self.sources

    @property
    def folders(self) -> LocalFolders:
        written = tuple(each for each in (self.archive_dir, self.rejected_dir) if each)
        if self.after == "keep" and not self.rejected_dir:
            return LocalFolders("src", read=self.sources)
        return LocalFolders("src", (*self.sources, *written))

    def remote_path(self, name: str) -> str:
        """Return the path of a local file on the server."""
        folder = self.remote_folder_of(name) or ""
        there = self.remote_name or name
        return there if folder in ("", ".") else f"{folder.rstrip('/')}/{there}"

    def original_after(self, name: str, origin: str, local_path: str) -> list[str]:
        if self.after == "delete":
            return []
        if self.after == "keep":
            return [origin]
        if local_path:
            return [local_path]
        return [os.path.join(self.archive_dir or os.path.join(os.path.dirname(origin), ARCHIVE), name)]


@dataclass(frozen=True)
class Pickup:
    """Fetch files from a folder on the server into ``dest``. Units and patterns as in Dropoff.

    ``min_free`` is the space in bytes that must stay free on the file system of ``dest``. ``group`` (a name or a
    number) and ``file_mode`` (permission bits) are set on each file before it appears in ``dest``; None leaves them to
    the system.
    """

    direction: ClassVar[str] = "pickup"
    origin: ClassVar[str] = "remote"

    name: str
    dest: str
    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    modified: read.TimeFrame = read.ANY_TIME
    settle: float = 5.0
    companions: tuple[Companion, ...] = ()
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

    arrivals: ClassVar[tuple[str, ...]] = ()

    @property
    def folders(self) -> LocalFolders:
        return LocalFolders("dest", (self.dest,))

    def original_after(self, name: str, origin: str, local_path: str) -> list[str]:
        del local_path  # it is the copy; the original was on the server
        if self.after == "delete":
            return []
        return [origin] if self.after == "keep" else [f"{self.move_dir_today}/{name}"]

    @property
    def move_dir_today(self) -> str:
        """Return ``move_dir`` with the local day in the place of ``{date}``."""
        return (self.move_dir or "").replace(DATE, time.strftime("%Y-%m-%d"))

    def is_move_dir(self, path: str) -> bool:
        """Return whether a path is ``move_dir`` of any day, or a folder above it."""
        wanted = (self.move_dir or "").split("/")[: path.count("/") + 1]
        pattern = re.escape("/".join(wanted)).replace(re.escape(DATE), "[0-9]{4}-[0-9]{2}-[0-9]{2}")
        return re.fullmatch(pattern, path) is not None


@dataclass(frozen=True)
class ListingJob:
    """List a folder on the server. Patterns as in Dropoff."""

    remote_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_results: int = 1000


def default_max_age(settle: float) -> int:
    """Return after how many seconds of waiting a file needs a person, unless the job says otherwise."""
    return max(_DAY, 2 * math.ceil(settle))


def dropoff_from_options(
    options: Mapping[str, object], preset: Preset, *, name: str | None = None, protocol: str | None = None
) -> Dropoff:
    """Build a Dropoff from options by their public names, over the defaults of the preset. Reads no files.

    :param protocol: the account's; None: that of the options or the preset.
    :param name: the job's name. Without one, the name is derived from ``src``, so it is the same in every run.
    :raises InputError: an option is invalid, or a required one is missing.
    """
    found = read.merged(options, preset.of("dropoff"))
    sources = sources_of(found)
    by_request = _protocol(options, preset, protocol) in provider_types.PROTOCOLS
    provider_types.refuse_others(options, by_request=by_request)
    verify = "close" if by_request else read.choice(found, "verify", VERIFY_DROPOFF, Dropoff.verify)
    archive_dir = read.local_path(found, "archive_dir")
    if archive_dir in sources:
        why = "is also in src, so archived files would be sent again"
        raise read.invalid("archive_dir", archive_dir, why, "Set it to another folder, on the same file system.")
    return Dropoff(
        name=job_name(name, "dropoff", sources),
        sources=sources,
        remote_dir="" if by_request else _remote_dir(found, preset),
        include=read.wanted_patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        modified=read.time_frame(found, "modified_from", "modified_to"),
        settle=read.number(found, "settle", Dropoff.settle, low=0, high=_DAY),
        companions=_companions_of_dropoff(found, verify, by_request=by_request),
        upload="direct" if by_request else read.choice(found, "upload", UPLOADS, Dropoff.upload),
        temp_name=_temp_name(found, Dropoff.temp_name),
        verify=verify,
        after=read.choice(found, "after", AFTER_DROPOFF, Dropoff.after),
        archive_dir=archive_dir,
        ambiguous=read.choice(found, "ambiguous", AMBIGUOUS, Dropoff.ambiguous),
        empty=read.choice(found, "empty", EMPTY, Dropoff.empty),
        max_files=read.limit(found, "max_files"),
        max_bytes=max_bytes_of(found),
        max_results=read.integer(found, "max_results", Dropoff.max_results, low=0, high=_MAX_RESULTS),
        group=_group(found),
        file_mode=_file_mode(found),
        share=_share(found),
        file_types=provider_types.file_types(found) if by_request else (),
        rejected_dir=provider_types.rejected_dir(found, sources, archive_dir),
    )


def _protocol(options: Mapping[str, object], preset: Preset, given: str | None) -> object:
    return given or read.merged(options, preset.account).get("protocol")


def pickup_from_options(
    options: Mapping[str, object], preset: Preset, *, name: str | None = None, protocol: str | None = None
) -> Pickup:
    """Build a Pickup from options by their public names, over the defaults of the preset. Reads no files.

    :param protocol: see `dropoff_from_options`.
    :param name: the job's name. Without one, it is derived from the two folders, so it is the same in every run.
    :raises InputError: an option is invalid, or a required one is missing.
    """
    provider_types.refuse_direction(_protocol(options, preset, protocol), "pickup")
    found = read.merged(options, preset.of("pickup"))
    dest = read.local_path(found, "dest")
    if dest is None:
        raise read.missing("dest", "this option is missing", "Set dest to the local folder for the fetched files.")
    remote_dir = _remote_dir(found, preset)
    after = read.choice(found, "after", AFTER_PICKUP, Pickup.after)
    return Pickup(
        name=job_name(name, "pickup", (remote_dir, dest)),
        dest=dest,
        remote_dir=remote_dir,
        include=read.wanted_patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        modified=read.time_frame(found, "modified_from", "modified_to"),
        settle=read.number(found, "settle", Pickup.settle, low=0, high=_DAY),
        companions=companions_without_waiting(
            found, "is for drop-offs: on a pickup, nobody but the job itself takes the files"
        ),
        after=after,
        move_dir=_move_dir(found, after, remote_dir),
        verify=read.choice(found, "verify", VERIFY_PICKUP, Pickup.verify),
        on_duplicate=read.choice(found, "on_duplicate", ON_DUPLICATE, Pickup.on_duplicate),
        empty=read.choice(found, "empty", EMPTY, Pickup.empty),
        min_free=Pickup.min_free if found.get("min_free") is None else read.size(found["min_free"], name="min_free"),
        max_files=read.limit(found, "max_files"),
        max_bytes=max_bytes_of(found),
        max_results=read.integer(found, "max_results", Pickup.max_results, low=0, high=_MAX_RESULTS),
        group=_group(found),
        file_mode=_file_mode(found),
        share=_share(found),
    )


def listing_from_options(options: Mapping[str, object], preset: Preset) -> ListingJob:
    """Build the job from options by their public names. The default folder is the preset's pickup folder.

    :raises InputError: an option is invalid, or a required one is missing.
    """
    provider_types.refuse_direction(_protocol(options, preset, None), "a listing")
    found = read.merged(options, {name: value for name, value in (preset.pickup or {}).items() if name == "remote_dir"})
    return ListingJob(
        remote_dir=_remote_dir(found, preset),
        include=read.wanted_patterns(found, "include"),
        exclude=read.patterns(found, "exclude"),
        max_results=read.integer(found, "max_results", ListingJob.max_results, low=0, high=_MAX_RESULTS),
    )


def folders_from_options(options: Mapping[str, object], preset: Preset) -> tuple[tuple[str, ...], str | None]:
    """Return the remote folders that a connection test checks, and the folder in which it may create files, if any.

    Without ``folders``, these are the preset's drop-off and pickup folders; without a preset, the login folder.
    """
    if _protocol(options, preset, None) in provider_types.PROTOCOLS:
        provider_types.refuse_folders(options)
        return (), None
    named = read.strings(options, "folders")
    if not named:
        of_preset = [jobs["remote_dir"] for jobs in (preset.dropoff, preset.pickup or {}) if "remote_dir" in jobs]
        named = read.strings({"folders": of_preset or ["."]}, "folders") or ()
    folders = (read.clean(name, name="folders").rstrip("/") or "/" for name in named)
    return tuple(dict.fromkeys(folders)), read.remote_folder(options, "probe_dir")


def _companions_of_dropoff(options: Mapping[str, object], verify: str, *, by_request: bool) -> tuple[Companion, ...]:
    if by_request:
        why = "needs to look whether a file was taken, but the protocol amili_api shows no files"
        return companions_without_waiting(options, why)
    found = companions_from_options(options)
    if verify == "close" and any(one.after_taken for one in found):
        why = "needs to look whether a file was taken, but verify=close does not look at the server"
        raise read.invalid("companions", "after_taken", why, "Set verify to size, or remove after_taken.")
    return found


def companions_without_waiting(options: Mapping[str, object], why: str) -> tuple[Companion, ...]:
    """Read the companions of a job that cannot wait until a file was taken.

    :param why: says why not, after the name of the option.
    """
    found = companions_from_options(options)
    if any(one.after_taken for one in found):
        raise read.invalid("companions", "after_taken", why, "Remove it. The order of the list counts without it.")
    return found


def sources_of(options: Mapping[str, object]) -> tuple[str, ...]:
    found = read.strings(options, "src")
    if found is None:
        raise read.missing("src", "this option is missing", "Set src to a folder, a file, or a list of them.")
    if not found:
        raise read.invalid("src", [], "contains nothing to send", "Set src to a folder, a file, or a list of them.")
    return tuple(dict.fromkeys(read.absolute(path, name="src") for path in found))


def _remote_dir(options: Mapping[str, object], preset: Preset) -> str:
    found = read.remote_folder(options, "remote_dir")
    if found is not None:
        return found
    no_default = f", and the preset {preset.name} has no default for it" if preset.name else ""
    finding = f"this option is missing{no_default}"
    raise read.missing("remote_dir", finding, "Set remote_dir to the folder on the server; '.' is the login folder.")


def _move_dir(options: Mapping[str, object], after: str, remote_dir: str) -> str | None:
    found = read.remote_folder(options, "move_dir")
    if after != "move":
        return None
    if found is None:
        finding = "this option is missing, but after=move requires it"
        raise read.missing(
            "move_dir", finding, "Set move_dir to a folder on the server, or set after to delete or keep."
        )
    if unknown := [name for name in re.findall(r"\{[^{}]*\}", found) if name != DATE]:
        why = f"contains the unknown placeholder {unknown[0]}"
        raise read.invalid("move_dir", found, why, f"The only placeholder is {DATE}, the day of the move.")
    if found == remote_dir:
        why = "is remote_dir itself, so the files would stay where they are"
        raise read.invalid("move_dir", found, why, "Set it to another folder on the server.")
    return found


def max_bytes_of(options: Mapping[str, object]) -> int | None:
    value = options.get("max_bytes")
    if value is None:
        return None
    found = read.size(value, name="max_bytes")
    if found == 0:
        raise read.invalid("max_bytes", value, "would allow no file", "Remove max_bytes for no limit.")
    return found


def _share(options: Mapping[str, object]) -> Share | None:
    value = options.get("share")
    if value is None:
        return None
    if not isinstance(value, Mapping) or set(value) != {"index", "count"} or None in value.values():
        way_out = "Set count to the number of hosts, and index to the number of this host, starting at 0."
        raise read.invalid("share", value, "is not a dictionary with index and count", way_out)
    found = {f"share.{name}": entry for name, entry in value.items()}
    count = read.integer(found, "share.count", 1, low=1, high=_MAX_SHARES)
    return Share(read.integer(found, "share.index", 0, low=0, high=count - 1), count)


def _group(options: Mapping[str, object]) -> str | None:
    """Return a group's name or number as text. The run checks whether it exists."""
    value = options.get("group")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32 - 1:
        return str(value)
    found = read.text(options, "group")
    if found is not None and not _GROUP.fullmatch(found):
        raise read.invalid("group", found, "is not a valid group name", "Use a group of this host, by name or number.")
    return found


def _file_mode(options: Mapping[str, object]) -> int | None:
    value = options.get("file_mode")
    if value is None:
        return None
    way_out = 'Write the permissions as octal digits in quotes, such as "0640". Owners must be able to read them.'
    if isinstance(value, int):
        raise read.invalid("file_mode", value, "is a number, so it is not clear whether it is octal", way_out)
    if not isinstance(value, str) or not _FILE_MODE.fullmatch(value):
        raise read.invalid("file_mode", value, "is not a valid file mode", way_out)
    return int(value, 8)


def _temp_name(options: Mapping[str, object], default: str) -> str:
    """Check the pattern for temporary names on the server, as far as possible without a file's name."""
    pattern = read.text(options, "temp_name")
    if pattern is None:
        return default
    way_out = f"Use letters, digits, dots and the placeholders {{name}}, {{stem}} and {{random}}, such as {default!r}."
    placeholders = re.findall(r"\{([^{}]*)\}", pattern)
    literal = re.sub(r"\{[^{}]*\}", "", pattern)
    why = ""
    if "{" in literal or "}" in literal:
        why = "contains a brace without its counterpart"
    elif unknown := [found for found in placeholders if found not in _PLACEHOLDERS]:
        why = f"contains an unknown placeholder: {{{unknown[0]}}}"
    elif "/" in literal or not literal.isprintable():
        why = "contains a / or a control character; a temporary file must be in the folder of the final one"
    elif not {"random", "name"} & set(placeholders):
        why = "contains neither {random} nor {name}, so two files could get the same temporary name"
    elif pattern == "{name}":
        why = "is the same as the final name"
    elif len(literal.encode()) > _TEMP_NAME_BYTES:
        why = f"is too long: at most {_TEMP_NAME_BYTES} bytes besides the placeholders are allowed"
    elif len(placeholders) > len(set(placeholders)) or {"name", "stem"} <= set(placeholders):
        why = "can become too long: use each placeholder once, and only one of {name} and {stem}"
    if why:
        raise read.invalid("temp_name", pattern, why, way_out)
    return pattern


def job_name(given: str | None, direction: str, places: tuple[str, ...]) -> str:
    """Derive a name that does not depend on the order of sources. A digest replaces the end of a very long one."""
    if given is not None:
        return read.label(given, name="name")
    named = " > ".join(places) if direction == "pickup" else ", ".join(sorted(places))
    if len(named) > _NAME_CHARACTERS:
        digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        named = f"{named[:_NAME_CHARACTERS]}... {digest}"
    return f"{direction}:{named}"
