# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of it all, as a page of documentation."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import costs
import memory
import plot
from cases import MIB, OURS, REFERENCE
from contest import Score
from marks import judgements
from results import Results, kept_results
from tables import section, table

PAGE = "benchmarks.md"
PICTURE = "benchmarks.svg"
NOTES = Path(__file__).with_name("notes.md")
"""What a person has found out about these figures."""

HEAD = """\
# Benchmarks

<!-- Written by `make bench`; do not edit. -->

This page compares filedrop with the tools that people use now. All have the same files, the same server (Debian's
`sshd` with its default limits) and the same network. They run one after the other, in interleaved rounds, and the
median counts. Compare the ratios: seconds depend on the machine and the hour.

- Times are those of the transfer itself. Starting, connecting and listing an empty folder is measured right before each
  transfer and subtracted, for all tools alike.
- Every transfer is checked, file by file. A lost or changed file ends the bench.
- filedrop works with its full safety, over one connection unless stated otherwise:
  - A drop-off has exclusive creation under a temporary name, a size check, a rename, and the archive of the original.
  - A pickup has a download beside the final name, a size check, fsync, publication, and deletion on the server.
  - A ledger row is synced before and after each irreversible step.
- The other tools use their own defaults, with less safety.
- A separate relay process adds the round trip. Without a delay, there is no relay.
"""

STAR = "\\* measured with a part of the work, and scaled: it takes its time for each file or block in turn."


def write(folder: Path) -> None:
    """Write the page, and the picture beside it, from what was kept."""
    folder.mkdir(parents=True, exist_ok=True)
    results = kept_results()
    parts = [HEAD]
    if results is not None:
        plot.draw(results, folder / PICTURE)
        parts += [*_contest(results)]
    parts += [part for part in (memory.page(), costs.page()) if part]
    if results is not None:
        parts.append("\n".join(["## Where and with what", "", *_circumstances(results), ""]))
    (folder / PAGE).write_text("\n".join(parts))


def _contest(results: Results) -> Iterator[str]:
    names = _everybody(results)
    yield section("The marks", _marks(results))
    yield section("Seconds", _seconds(results, names))
    yield section("Processor time", _processor(results, names))
    yield section("Memory", _memory(results, names))
    if results.syncs:
        yield section("Syncs", _syncs(results))
    yield section("Before the transfer", _idle(results, names))


def _everybody(results: Results) -> dict[str, str]:
    """Titles by name, in the order of their first appearance; the variants of ours right behind ours."""
    found = {score.contestant: score.title for scores in results.scores.values() for score in scores}
    return dict(sorted(found.items(), key=lambda one: not one[0].startswith(OURS)))


def _marks(results: Results) -> Iterator[str]:
    yield "What the project set out to reach, before it was measured."
    yield ""
    yield from table(
        ["case", "what", "mark", "aim", "measured", ""],
        (dataclasses.astuple(one) for one in (*judgements(results), *memory.judgements())),
    )
    if NOTES.exists():
        yield ""
        yield NOTES.read_text().strip()


def _seconds(results: Results, names: dict[str, str]) -> Iterator[str]:
    yield f"![Speed beside sftp -b, case by case]({PICTURE})"
    yield ""
    yield "Seconds, the median; in brackets the speed in multiples of `sftp -b`."
    yield ""

    def cell(case: str, score: Score) -> str:
        reference = results.score(case, REFERENCE)
        star = "" if score.share == 1 else "\\*"
        ratio = f" ({_ratio(reference.median / score.median)}x)" if reference and score is not reference else ""
        return f"{score.median:.2f}{star}{ratio}"

    yield from _by_case(results, names, cell)
    yield ""
    yield STAR
    yield ""
    rounds = [len(score.seconds) for scores in results.scores.values() for score in scores if score.contestant == OURS]
    if rounds:
        yield f"filedrop took part in {max(rounds)} rounds of the cases that a mark depends on, and in {min(rounds)} of"
        yield "the others. Those who take minutes where others take seconds took part once, if no mark depends on them."


def _processor(results: Results, names: dict[str, str]) -> Iterator[str]:
    yield "Of all processes of the client, in seconds (median); what it takes for an empty folder is taken off. The"
    yield "server, on the same machine, is not counted."
    yield ""
    yield from _by_case(results, names, lambda _case, score: f"{statistics.median(score.cpu):.2f}")


def _memory(results: Results, names: dict[str, str]) -> Iterator[str]:
    yield "The largest resident set of any process of a call in MiB; in brackets what is more than for an empty folder."
    yield ""

    def cell(_case: str, score: Score) -> str:
        return f"{statistics.median(score.memory) / MIB:.0f} ({score.on_top / MIB:+.0f})"

    yield from _by_case(results, names, cell)


def _syncs(results: Results) -> Iterator[str]:
    yield "How often filedrop asks the disk to make sure, in one run, counted by `strace` in a run that is not timed."
    yield ""
    calls = sorted({call for counts in results.syncs.values() for call in counts})
    titles = {case.name: str(case) for case in results.cases}
    rows = ([titles[case], *(counts.get(call, 0) for call in calls)] for case, counts in results.syncs.items())
    yield from table(["case", *calls], rows)


def _idle(results: Results, names: dict[str, str]) -> Iterator[str]:
    yield "To start, connect, list an empty folder and end, in seconds (median). It is not part of the seconds above."
    yield ""
    yield from _by_case(results, names, lambda _case, score: f"{statistics.median(score.idle):.2f}")


def _by_case(results: Results, names: dict[str, str], cell: Callable[[str, Score], str]) -> Iterator[str]:
    rows = []
    for case in results.cases:
        scores = {score.contestant: score for score in results.scores[case.name]}
        rows.append([str(case), *(cell(case.name, scores[name]) if name in scores else "" for name in names)])
    yield from table(["case", *names.values()], rows)


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _circumstances(results: Results) -> Iterator[str]:
    limits = ", ".join(results.server) or "its default limits"
    yield f"- {results.about}"
    yield f"- server: the system's sshd on loopback, internal-sftp in a chroot, with {limits}"
    if results.relay:
        speed = f"{results.relay / MIB:,.0f} MiB a second"
        yield f"- relay: holds each chunk back by half of the round trip, and lets {speed} through"
    yield from (f"- {name}: {version}" for name, version in results.versions.items())
