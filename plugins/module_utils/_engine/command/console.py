# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the command tells what it does: to a person, to the journal, or to a program.

The answer goes to the standard output: sentences, or one JSON document. What happens on the way goes to the standard
error: sentences, or, where that is the journal, lines of ``key=value`` with a priority that the journal understands.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from ..local.names import shown

ERROR, WARNING, INFO = 3, 4, 6
"""Priorities of syslog (RFC 5424), which the journal takes from the beginning of a line (sd-daemon(3))."""


class Console:
    """One invocation's way of telling.

    :param as_json: the answer is one JSON document.
    :param quiet: say nothing while all is well, for those who mail whatever is said.
    """

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.to_journal = is_journal(self._err)

    @property
    def may_draw(self) -> bool:
        """Whether somebody watches who would like to see a bar move."""
        return not self.quiet and not self.to_journal and self._err.isatty()

    def answer(self, document: Mapping[str, Any], lines: Iterable[str], *, well: bool = True) -> None:
        """What was asked for, as a document for programs and as lines for people.

        The journal has it from `happened` already, unless a program reads it.
        """
        if self.as_json:
            self._write(self._out, json.dumps(_printable(document), ensure_ascii=False, indent=2))
        elif not self.to_journal and not (self.quiet and well):
            for line in lines:
                self._write(self._out, shown(line))

    def happened(self, priority: int, event: str, sentence: str = "", **more: object) -> None:
        """Something that the journal keeps, and that a person needs to be told only if there is a sentence."""
        if self.to_journal:
            told = {"event": event, **more, **({"message": sentence} if sentence else {})}
            self._write(self._err, f"<{priority}>{key_values(told)}")
        elif sentence and (priority < INFO or not self.quiet):
            self._write(self._err, f"filedrop: {shown(sentence)}")

    def raw(self, text: str) -> None:
        """Whatever helps to find out what is wrong, to the standard error."""
        for line in text.rstrip("\n").splitlines():
            self._write(self._err, f"<7>{line}" if self.to_journal else line)

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        # What the terminal's character set has not, it shows escaped.
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()


def is_journal(stream: TextIO) -> bool:
    """Whether a stream goes to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    said = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return said == f"{status.st_dev}:{status.st_ino}"


def key_values(values: Mapping[str, object]) -> str:
    """``key=value`` words; a value that is no plain word is quoted as in JSON. What is None is left out."""
    return " ".join(f"{name}={_word(value)}" for name, value in values.items() if value is not None)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = shown(str(value))
    if text and text.isprintable() and not set(text) & set(' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)


def _printable(value: Any) -> Any:
    """A copy in which no text has anything in it that a terminal or a strict reader of JSON would stumble over."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {name: _printable(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(entry) for entry in value]
    return value


def bytes_in_words(size: int) -> str:
    """A size as people read it; K is 1024."""
    number, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1000 or unit == "TiB":
            break
        number /= 1024
    return f"{size} B" if unit == "B" else f"{number:.1f} {unit}"


def count_of(number: int, what: str) -> str:
    """A number with its noun, such as ``1 file`` and ``2 files``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
