# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what a report is to be about, and what Ansible says of the hosts that were asked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ....module_utils._engine.config import options as read
from ....module_utils._engine.errors import FiledropError
from ....module_utils._engine.ledger.history import MOST, question_from_options
from ....module_utils._engine.local.names import shown
from ....module_utils._engine.text import iso_time
from ....module_utils._report import unpacked
from ..._accounts import InvalidVariables
from ..._variables import Variables
from ..findings import findings
from .document import Answer

FOLDER = "filedrop-report"
"""The default folder: in the folder in which ansible-playbook runs."""

SINCE = "30d"
FILES = 10_000
FILES_IN_ALL, FEWEST_FILES = 300_000, 1_000
"""What the control node takes of all hosts together: 300 MB of memory. With many hosts, each may send fewer files."""

_BYTES, _BYTES_OF_A_FILE = 32 * 1024**2, 8 * 1024
"""The size that an answer may have when it is unpacked. A file has 1 KB, unless its path is long."""

_FIRST_FEW = 20
_LONGEST = 400


@dataclass(frozen=True)
class Wanted:
    """Hold what the variables say of a report.

    :ivar since: the time from which it tells of files, in ISO 8601.
    :ivar files: the maximum number of files of one host.
    """

    folder: str
    since: str
    files: int


def wanted(variables: Variables, now: float, hosts: int = 1) -> Wanted:
    """Read the variables. Unknown ones stay in `Variables.problems`: the report is to be made nevertheless.

    :param hosts: how many hosts are asked.
    :raises InvalidVariables: one is invalid.
    """
    unknown = list(variables.problems)
    folder = variables.text("filedrop_report_folder") or FOLDER
    since = now
    try:
        question = question_from_options({"since": variables.text("filedrop_report_since") or SINCE})
        since = now if question.since is None else question.since
        if since >= now:
            finding = "filedrop_report_since: the time is in the future."
            variables.problems.append(f"{finding} Set it to a time before now, such as 30d.")
    except FiledropError as error:
        variables.problems.append(str(error).replace("since", "filedrop_report_since"))
    files = FILES
    try:
        given = {"filedrop_report_files": variables.get("filedrop_report_files")}
        files = read.integer(given, "filedrop_report_files", FILES, low=1, high=MOST)
    except FiledropError as error:
        variables.problems.append(str(error))
    problems = [problem for problem in variables.problems if problem not in unknown]
    if problems:
        raise InvalidVariables(problems)
    files = min(files, max(FEWEST_FILES, FILES_IN_ALL // max(1, hosts)))
    return Wanted(os.path.abspath(os.path.expanduser(folder)), iso_time(since), files)


def answer_of(host: str, result: Mapping[str, Any], kept: str, files: int = FILES) -> Answer:
    """Return what came of asking a host.

    :param result: of the task that asked it.
    :param kept: the path of the file with its answer.
    :param files: how many files it may tell of.
    """
    with suppress(OSError), open(kept, encoding="utf-8") as file:
        packed = file.read()
        try:
            answer = unpacked(packed, _BYTES + files * _BYTES_OF_A_FILE)
        except ValueError as why:
            return Answer(host, message=f"What filedrop there has answered cannot be read: {why}.")
        return Answer(host, answer=answer, clock=result.get("clock_ahead"), addresses=result.get("addresses") or ())
    is_unreachable = bool(result.get("unreachable"))
    text = str(result.get("msg") or "Ansible has no result of this host.")
    last = str(result.get("module_stderr") or "").strip().splitlines()[-1:]
    return Answer(
        host,
        reached=not is_unreachable,
        message=" ".join(" ".join([text, *last]).split()).removeprefix("Task failed: ")[:_LONGEST],
    )


def clock_ahead(began: object, ended: object, before: float, after: float) -> float | None:
    """Return by how many seconds a clock is ahead, at least; 0.0 if no difference can be shown.

    :param began: what it showed after ``before`` on our clock.
    :param ended: what it showed before ``after`` on our clock.
    """
    if not (isinstance(began, float) and isinstance(ended, float) and math.isfinite(began) and math.isfinite(ended)):
        return None
    low, high = ended - after, began - before
    return round(max(low, 0.0) + min(high, 0.0), 1)


def lines_of(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each of the first few things that are wrong."""
    found = findings(document)
    for one in found[:_FIRST_FEW]:
        yield shown(f"{one.name}{f', {one.job}' if one.job else ''}: {one.reason}: {one.message}")
    if len(found) > _FIRST_FEW:
        yield f"... and {len(found) - _FIRST_FEW} more."
