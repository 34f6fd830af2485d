# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See a state again that was found to be wrong, from the recording that was kept of it, and tell what is seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..world import Picture, World
from .cuts import Cut, Survivors
from .disk import Effect
from .history import History, Saved
from .laboratory import Case, Chapter, Laboratory, Report
from .recording import Recording
from .scenarios import ALL, opened

LATELY = 12  # events that are told


def replay(evidence: Path, case: Case) -> Iterator[str]:
    """What there is to be said of a case, line by line."""
    saved = Saved.read(evidence)
    with opened(ALL[saved.scenario], saved.base) as stage:
        history = History(stage.world, saved.picture, saved.past)
        chapter = Chapter(history, saved.record, history.recording(saved.record))
        laboratory = Laboratory(stage, Report(saved.scenario))
        for past in saved.past:
            yield f"an earlier run: {past}"
        yield from _events(chapter.recording, case, str(saved.base))
        survivors = Cut(chapter.recording.disk, case.event).survivors(case.survivors)
        yield from _effects(chapter.recording, case, survivors)
        yield f"the server has done {case.requests} of {len(chapter.recording.provider)} requests"
        tree = chapter.recording.disk.tree(survivors.effects, survivors.torn)
        picture = {**tree.picture, **chapter.recording.provider.picture(case.requests)}
        yield from _files(stage.world, picture)
        found = laboratory.look_at(chapter, case)
        yield "after the next run, and one more:"
        yield from _files(stage.world, stage.world.photograph())
        yield from (f"  WRONG {what}" for what in found)


def _events(recording: Recording, case: Case, base: str) -> Iterator[str]:
    happened = [what for what in recording.happened if what.event <= case.event]
    yield f"the last of {len(happened)} events before the cut:"
    for what in happened[-LATELY:]:
        yield f"  {what.event:>5} {what.text.replace(base, '')}"


def _effects(recording: Recording, case: Case, survivors: Survivors) -> Iterator[str]:
    yield "what was not safe at the cut:"
    for effect in recording.disk.effects:
        if effect.done <= case.event and not effect.is_safe(case.event):
            fate = "survives" if effect.number in survivors.effects else "is lost"
            if effect.number in survivors.torn.effects:
                fate = f"survives as {survivors.torn.how}"
            yield f"  {effect.number:>5} {_shown(effect)} {fate}"


def _shown(effect: Effect) -> str:
    parts = (f"{len(part)} bytes" if isinstance(part, bytes) else str(part) for part in effect.what)
    return f"{type(effect.what).__name__} {' '.join(parts)} (in {effect.node})"


def _files(world: World, picture: Picture) -> Iterator[str]:
    for row in world.rows(picture):
        kept = {key: row[key] for key in ("name", "state", "open", "visible", "reason", "temporary", "local_path")}
        yield f"  row {kept}"
    for path, file in sorted(picture.items()):
        if file is not None and not path.startswith(str(world.ledger)):
            yield f"  {len(file.content):>8} {path}"
