# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was found, in words."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import NamedTuple

from _engine.local.names import shown


@dataclass
class Report:
    """Sections of sentences. A worry is what did not go as promised."""

    worries: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)

    def say(self, title: str, *sentences: str) -> None:
        # What a server says is shown, but may not move a terminal's cursor.
        lines = [shown(line) for sentence in sentences for line in sentence.split("\n")]
        self._parts.append("\n".join([title.capitalize(), *(f"  {line}" for one in lines for line in _wrapped(one))]))

    def worry(self, sentence: str) -> None:
        self.worries.append(shown(sentence))

    def text(self) -> str:
        verdict = ["What needs a look", *(f"  - {one}" for one in self.worries)] if self.worries else []
        return "\n\n".join([*self._parts, *(["\n".join(verdict)] if verdict else [])])


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 110, subsequent_indent="  ", break_on_hyphens=False) or [""]


class Meaning(NamedTuple):
    """What a promise means on a server that has a capability, and on one that has not."""

    there: str
    missing: str


MEANING = {
    "rename": Meaning(
        there="P4: files can be renamed here, so upload: rename shows the partner whole files only.",
        missing="P4: files cannot be renamed here. With upload: direct a cut connection can leave a part that the "
        "partner may take; filedrop finds out and holds the file (maybe_incomplete), but cannot prevent it. Ask for "
        "the right to rename in this folder.",
    ),
    "exclusive_create": Meaning(
        there="P4: the server refuses to create a file whose name is taken, so nothing of others is overwritten.",
        missing="P4: the server creates a file although its name is taken. filedrop looks first, but a file that "
        "appears in the moment between is overwritten. Use names that nobody else uses.",
    ),
    "partial_uploads": Meaning(
        there="P4: a file is visible here while it is written. With upload: direct the partner can take a part of it.",
        missing="P4: a file is not visible here before it is complete.",
    ),
    "stays": Meaning(
        there="P5: what was sent stays visible, so after a crash the next run sees what arrived.",
        missing="P5: files are taken at once, or cannot be listed. Where a crash falls between the last request and "
        "its answer, there is no evidence left, and the policy ambiguous decides: hold (the default) or resend.",
    ),
    "cut": Meaning(
        there="P5: a cut connection lost nothing and sent nothing twice. The run went on by itself.",
        missing="P5: after a cut connection a file failed or waits for a person. See below.",
    ),
    "read": Meaning(
        there="P1, P2: files can be fetched from this folder, whole, also when the connection is cut.",
        missing="Pickup: files in this folder cannot be read, as in many drop boxes, so pickup was not tried.",
    ),
}
