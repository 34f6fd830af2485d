# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Export by hand: read what a person chooses, and narrow a drop-off to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config import options as read
from ..config.jobs.job import Dropoff
from ..errors import InputError
from ..transfer.selection import Export, Only

if TYPE_CHECKING:
    from ..config.accounts.presets import Preset
    from ..config.files import ConfiguredJob

VARIABLES = {choice: f"filedrop_export_{choice}" for choice in ("from", "to", "kinds", "only", "again")}
"""What a person can choose, with the variable of the playbook for it. The command has a flag for each."""


def narrowed(
    job: ConfiguredJob, choice: Mapping[str, object], preset: Preset, protocol: str, *, named: Mapping[str, str]
) -> tuple[ConfiguredJob, Only]:
    """Return a job for the files of a time frame, and what else narrows its run.

    :param choice: what a person has chosen, by the names in `VARIABLES`. None is as if it were absent.
    :param preset: of the job's account, and ``protocol``, too.
    :param named: the name of each choice, for errors.
    :raises InputError: the job cannot be exported, or a choice is invalid.
    """
    movement = job.job
    if not isinstance(movement, Dropoff):
        finding = f"The job {job.name} has direction {movement.direction}, but only drop-offs are exported."
        raise InputError("option_invalid", finding, "Choose a job with direction dropoff.")
    given = {named[option]: value for option, value in choice.items()}
    frame = read.time_frame(given, named["from"], named["to"])
    names = read.file_names(given, named["only"])
    again = read.boolean(given, named["again"], default=False)
    never = preset.never_over.get(protocol, ())
    export = Export(
        kinds=_patterns(read.strings(given, named["kinds"]) or (), preset, protocol, option=named["kinds"]),
        never=tuple(pattern for kind in never for pattern in preset.kinds[kind]),
        again=again,
        is_part=not job.by_hand,
        way_to_repeat=f"To send it again, export it with {named['again']}.",
    )
    return replace(job, job=replace(movement, modified=movement.modified & frame)), Only(names, export)


def _patterns(kinds: tuple[str, ...], preset: Preset, protocol: str, *, option: str) -> tuple[str, ...]:
    """Return the patterns of some kinds of files."""
    for kind in kinds:
        if not preset.kinds:
            why = "is given, but only accounts with a preset that has kinds have them"
            raise read.invalid(option, kind, why, f"Remove {option}, and choose files by their names or times.")
        if kind not in preset.kinds:
            why = f"is not a kind of files of the preset {preset.name}"
            raise read.invalid(option, kind, why, f"Use one of: {', '.join(preset.kinds)}.")
        if kind in preset.never_over.get(protocol, ()):
            why = f"is a kind of files that the preset {preset.name} does not send over {protocol}"
            raise read.invalid(option, kind, why, "Use an account with the protocol ftps.")
    return tuple(pattern for kind in kinds for pattern in preset.kinds[kind])
