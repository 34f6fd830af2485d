# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Define an import: the job of a host that receives files, and hands each to a program."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from .. import options as read
from ..accounts.presets import Preset
from ..schedule import DAY, HOUR, duration
from .companions import Companion
from .job import LocalFolders, Share, companions_without_waiting, job_name, max_bytes_of, sources_of

ORDERS = ("time", "name")
VERIFY_IMPORT = ("close", "sidecar")
AMBIGUOUS_IMPORT = ("hold", "again")

_PLACEHOLDER = re.compile(r"\{(path|name)\}")
_MOST_TRIES = 100
_MOST_WORKERS = 32
_MAX_RESULTS = 100_000


@dataclass(frozen=True)
class Import:
    """Hand received files of this host to a program. Sizes are in bytes, times in seconds; patterns as in Dropoff.

    ``handler`` is a program, by its absolute path, and its arguments. ``{path}`` and ``{name}`` in an argument stand
    for the file. ``limit`` is how long it may run. ``order``: the oldest file first, or the first name.
    """

    direction: ClassVar[str] = "import"
    origin: ClassVar[str] = "local"
    after: ClassVar[str] = "archive"
    remote_dir: ClassVar[str] = ""
    empty: ClassVar[str] = "transfer"
    modified: ClassVar[read.TimeFrame] = read.ANY_TIME
    share: ClassVar[Share | None] = None
    group: ClassVar[str | None] = None
    file_mode: ClassVar[int | None] = None

    name: str
    sources: tuple[str, ...]
    handler: tuple[str, ...]
    done_dir: str
    failed_dir: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    settle: float = 5.0
    companions: tuple[Companion, ...] = ()
    verify: str = "close"
    limit: int = HOUR
    tries: int = 3
    workers: int = 1
    order: str = "time"
    ambiguous: str = "hold"
    max_files: int | None = None
    max_bytes: int | None = None
    max_results: int = 1000

    @property
    def archive_dir(self) -> str:
        return self.done_dir

    @property
    def arrivals(self) -> tuple[str, ...]:
        return self.sources

    @property
    def folders(self) -> LocalFolders:
        return LocalFolders("src", (*self.sources, self.done_dir, self.failed_dir))

    def remote_folder_of(self, name: str) -> str:
        del name
        return ""

    def remote_path(self, name: str) -> str:
        del name
        return ""

    def original_after(self, name: str, origin: str, local_path: str) -> list[str]:
        del origin
        return [local_path or os.path.join(self.done_dir, name)]

    def command_for(self, path: str) -> Sequence[str]:
        """Return the program and its arguments for a file. Each argument stays one, whatever the name is."""
        given = {"path": path, "name": os.path.basename(path)}
        program, *arguments = self.handler
        return [program, *(_PLACEHOLDER.sub(lambda found: given[found[1]], one) for one in arguments)]


def import_from_options(
    options: Mapping[str, object], preset: Preset, *, name: str | None = None, protocol: str | None = None
) -> Import:
    """Build an Import from options by their public names. Reads no files.

    :raises InputError: an option is invalid, or a required one is missing.
    """
    del preset, protocol  # an import has no account
    sources = sources_of(options)
    done_dir, failed_dir = (_folder(options, option, sources) for option in ("done_dir", "failed_dir"))
    if done_dir == failed_dir:
        why = "is also done_dir, so nobody could tell which files were refused"
        raise read.invalid("failed_dir", failed_dir, why, "Set it to another folder.")
    return Import(
        name=job_name(name, "import", sources),
        sources=sources,
        handler=_handler(options),
        done_dir=done_dir,
        failed_dir=failed_dir,
        include=read.wanted_patterns(options, "include"),
        exclude=read.patterns(options, "exclude"),
        settle=read.number(options, "settle", Import.settle, low=0, high=DAY),
        companions=companions_without_waiting(
            options, "is for drop-offs: the handler itself takes the files of an import"
        ),
        verify=read.choice(options, "verify", VERIFY_IMPORT, Import.verify),
        limit=duration(options, "handler_time_limit", low=1, high=7 * DAY) or Import.limit,
        tries=read.integer(options, "tries", Import.tries, low=1, high=_MOST_TRIES),
        workers=read.integer(options, "workers", Import.workers, low=1, high=_MOST_WORKERS),
        order=read.choice(options, "order", ORDERS, Import.order),
        ambiguous=read.choice(options, "ambiguous", AMBIGUOUS_IMPORT, Import.ambiguous),
        max_files=read.limit(options, "max_files"),
        max_bytes=max_bytes_of(options),
        max_results=read.integer(options, "max_results", Import.max_results, low=0, high=_MAX_RESULTS),
    )


def _handler(options: Mapping[str, object]) -> tuple[str, ...]:
    way_out = (
        "Write a list: the absolute path of a program, and its arguments, such as [/usr/local/bin/book, '{path}']."
    )
    value = options.get("handler")
    if value is None:
        raise read.missing("handler", "this option is missing", way_out)
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(one, str) and one for one in value):
        raise read.invalid("handler", value, "is not a list of texts, and no shell reads it", way_out)
    words = tuple(read.clean(one, name="handler") for one in value)
    if not os.path.isabs(words[0]):
        raise read.invalid("handler", words[0], "is not the absolute path of a program", way_out)
    if not any(_PLACEHOLDER.search(one) for one in words[1:]):
        why = "has no argument with {path} or {name}, so the program cannot know which file it is about"
        raise read.invalid("handler", value, why, way_out)
    return words


def _folder(options: Mapping[str, object], option: str, sources: Sequence[str]) -> str:
    found = read.local_path(options, option)
    if found is None:
        raise read.missing(option, "this option is missing", f"Set {option} to a folder of this host outside of src.")
    if found in sources:
        why = "is also in src, so its files would be imported again"
        raise read.invalid(option, found, why, "Set it to another folder, on the same file system.")
    return found
