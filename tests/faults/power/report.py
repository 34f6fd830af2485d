# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of all that was tried, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from .. import books
from .laboratory import Report


def lines(reports: Sequence[Report]) -> Iterator[str]:
    yield f"{'scenario':26} {'recorded':>8} {'cuts':>6} {'cases':>7} {'states':>7} {'runs':>6}  held for a person"
    for one in reports:
        held = ", ".join(f"{number} {reason}" for reason, number in sorted(one.held.items()))
        numbers = f"{one.runs_recorded:>8} {one.cuts:>6} {one.cases:>7} {one.states:>7} {one.runs:>6}"
        yield f"{one.name:26} {numbers}  {held}".rstrip()
    for one in reports:
        for what, ways in one.findings.items():
            yield f"WRONG in {one.name}: {what}, {len(ways)} times, such as by: {ways[0]}"
    found = Counter(what.partition(":")[0] for one in reports for what in one.findings)
    yield (
        f"{sum(one.cuts for one in reports)} power cuts, {sum(one.cases for one in reports)} cases of what may survive "
        f"them, {sum(one.states for one in reports)} different states recovered from: "
        + ", ".join(f"{found[kind]} {kind}" for kind in books.KINDS if kind != "limit")
    )
    limits = Counter(what for one in reports for what in one.limits)
    yield from (f"stated limit, met in {number} scenarios: {what}" for what, number in limits.items())
