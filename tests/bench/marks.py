# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was aimed at, and whether it was met."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from cases import CASES, MIB, OURS
from judgement import Judgement
from results import Results

USUAL_BANDWIDTH = 300 * MIB  # bytes a second, where the large file was not measured
ROUND_TRIPS = 6


@dataclasses.dataclass(frozen=True)
class Mark:
    """One thing to reach.

    :ivar case: its name.
    :ivar mark: what counts as met: times the speed of ``than``, or at most so many seconds or MiB.
    :ivar aim: what would be better still.
    :ivar of: ``speed``, ``seconds`` or ``memory``.
    """

    case: str
    mark: float | None
    aim: float | None = None
    of: str = "speed"
    than: str = "sftp"
    contestant: str = OURS


MARKS = (
    Mark("put-1000x20KiB-20ms", 80),
    Mark("put-1000x20KiB-20ms", 12, than="lftp"),
    Mark("put-1000x20KiB-20ms", None, of="limit"),
    Mark("get-1000x20KiB-20ms", 100),
    Mark("get-1000x20KiB-20ms", 10, than="lftp"),
    Mark("get-1000x20KiB-20ms", None, of="limit"),
    Mark("put-1000x20KiB-0ms", 1.0, 1.5),
    Mark("get-1000x20KiB-0ms", 1.0, 1.5),
    Mark("put-1x512MiB-0ms", 0.8, 1.0),
    Mark("get-1x512MiB-0ms", 0.85, 1.0),
    Mark("put-1x512MiB-0ms", None, 1.0, contestant="filedrop:2"),
    Mark("get-1x512MiB-0ms", None, 1.0, contestant="filedrop:2"),
    Mark("put-1x64MiB-40ms", 1.0),
    Mark("get-1x64MiB-40ms", 3.5),
    Mark("put-1x64MiB-40ms", None, 2.0, contestant="filedrop:4"),
    Mark("new-0of100000-0ms", 2.0, of="seconds"),
    Mark("new-0of100000-20ms", 3.0, of="seconds"),
    Mark("new-0of100000-0ms", 150, of="memory"),
    Mark("new-0of100000-20ms", 150, of="memory"),
    Mark("new-0of100000-0ms", 4.4, 4.0, of="growth", than="new-0of25000-0ms"),
)


def judgements(results: Results) -> Iterator[Judgement]:
    """What came of every mark whose case was measured."""
    titles = {case.name: str(case) for case in CASES}
    for mark in MARKS:
        found = _measured(mark, results)
        if found is not None:
            what, unit, measured, mark_value, aim = found
            more = mark.of == "speed"
            yield Judgement(
                titles[mark.case],
                what,
                _shown(mark_value, unit, more=more),
                _shown(aim, unit, more=more),
                f"{measured:.2f} {unit}",
                _verdict(measured, mark_value, aim, more=more),
            )


def _measured(mark: Mark, results: Results) -> tuple[str, str, float, float | None, float | None] | None:
    """What is measured, its unit, its value, the mark and the aim."""
    score = results.score(mark.case, mark.contestant)
    if score is None:
        return None
    who = f"{score.title}: " if mark.contestant != OURS else ""
    if mark.of == "seconds":
        return f"{who}seconds", "s", score.median, mark.mark, mark.aim
    if mark.of == "memory":
        return f"{who}memory on top of idle", "MiB", score.on_top / MIB, mark.mark, mark.aim
    if mark.of == "limit":
        limit = _limit(mark.case, results)
        return f"{who}bytes over bandwidth, and {ROUND_TRIPS} round trips", "s", score.median, None, limit
    if mark.of == "growth":
        less = results.score(mark.than, mark.contestant)
        if less is None:
            return None
        return "seconds beside those for a quarter of the entries", "x", score.median / less.median, mark.mark, mark.aim
    other = results.score(mark.case, mark.than)
    if other is None:
        return None
    return f"{who}speed beside {other.title}", "x", other.median / score.median, mark.mark, mark.aim


def _limit(name: str, results: Results) -> float:
    """Seconds that a case takes at the bandwidth that ours has without delay, in the same direction."""
    case = next(case for case in CASES if case.name == name)
    large = next(one for one in CASES if one.direction == case.direction and one.size == 512 * MIB and not one.rtt)
    score = results.score(large.name, OURS)
    bandwidth = large.size / score.median if score is not None else USUAL_BANDWIDTH
    return case.files * case.size / bandwidth + ROUND_TRIPS * case.rtt


def _shown(value: float | None, unit: str, *, more: bool) -> str:
    if value is None:
        return ""
    return f"{'' if more else 'at most '}{value:.3g} {unit}"


def _verdict(measured: float, mark: float | None, aim: float | None, *, more: bool) -> str:
    def reached(wanted: float) -> bool:
        return measured >= wanted if more else measured <= wanted

    if aim is not None and reached(aim):
        return "aim met"
    if mark is not None:
        return "met" if reached(mark) else "**not met**"
    return "aim not met"
