# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print the command's output for a person, the systemd journal, or a program.

The answer goes to stdout, as sentences or as one JSON document. Events go to stderr, as sentences. If stderr is the
journal, events are lines of ``key=value`` with a syslog priority, and have fields that `journalctl` can filter by.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Callable, TextIO

from ..local.names import as_data, shown
from . import journal, signals

ERROR, WARNING, INFO = 3, 4, 6
"""Priorities of syslog (RFC 5424). The journal reads them from the beginning of a line (sd-daemon(3))."""


class Console:
    """Write the output of one invocation.

    :param as_json: print the answer as one JSON document.
    :param quiet: print nothing while all is well, so that cron mails only what needs attention.
    :param colour: use colours on a terminal, unless its user has asked for none (NO_COLOR, TERM=dumb).
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        colour: bool = True,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.to_journal = is_journal(self._err)
        self._is_socket = self.to_journal and stat.S_ISSOCK(os.fstat(self._err.fileno()).st_mode)
        self._is_dumb = os.environ.get("TERM") == "dumb"
        self.colour = colour and not self._is_dumb and not os.environ.get("NO_COLOR")

    @property
    def may_draw(self) -> bool:
        """Whether stderr is a terminal on which a progress bar may be drawn."""
        return not self.quiet and not self.to_journal and not self._is_dumb and self._err.isatty()

    def answer(
        self,
        document: Mapping[str, Any],
        lines: Iterable[str],
        *,
        well: bool = True,
        drawn: Callable[[int, bool], Iterable[str] | None] | None = None,
    ) -> None:
        """Print the answer to the command: a document for programs, or lines for people.

        :param drawn: what to print instead of the lines if stdout is a terminal: a function of its width, and of
            whether it has colours. Its lines are printed as they are. None: the terminal is too narrow.

        Lines are not printed to the journal, because `log` has already written the events there. A JSON document is
        always printed. From now on, a signal changes nothing: the answer is complete, and the status is known.
        """
        signals.hold()
        if self.as_json:
            text = json.dumps(_printable(document), ensure_ascii=False, indent=2)
            # The data stay what they are, and a terminal sees none of the characters that could disturb it.
            self._write(self._out, _NOT_ASCII.sub(_as_json, text))
        elif self.to_journal or (self.quiet and well):
            return
        else:
            table = None
            if drawn is not None and self._out.isatty():
                table = drawn(shutil.get_terminal_size().columns, self.colour)
            for line in map(shown, lines) if table is None else table:
                self._write(self._out, line)

    def log(self, priority: int, event: str, sentence: str = "", **more: object) -> None:
        """Log an event. The journal gets every event; a person sees only those with a sentence."""
        if self.to_journal:
            told = {"event": event, **more, **({"message": sentence} if sentence else {})}
            # The journal learns the unit of a datagram from its process, which ends at once after a refusal. The unit
            # of a line on stderr is known.
            natively = self._is_socket and event != "refused"
            if not (natively and journal.send(priority, key_values(told), told)):
                self._write(self._err, f"<{priority}>{key_values(told)}")
        elif sentence and (priority < INFO or not self.quiet):
            self._write(self._err, f"filedrop: {shown(sentence)}")

    def raw(self, text: str) -> None:
        """Write text for debugging to stderr."""
        for line in text.rstrip("\n").splitlines():
            self._write(self._err, f"<7>{line}" if self.to_journal else line)

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        # Characters that the terminal's encoding does not have are escaped.
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()


_NOT_ASCII = re.compile(r"[^\n -~]")


def _as_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def is_journal(stream: TextIO) -> bool:
    """Whether a stream is connected to the systemd journal (systemd.exec(5), JOURNAL_STREAM)."""
    said = os.environ.get("JOURNAL_STREAM", "")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return said == f"{status.st_dev}:{status.st_ino}"


def key_values(values: Mapping[str, object]) -> str:
    """Format values as ``key=value`` words. Values that are not plain words are quoted as in JSON; None is left out."""
    return " ".join(f"{name}={_word(value)}" for name, value in values.items() if value is not None)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = shown(str(value))
    if text and text.isprintable() and not set(text) & set(' "=\\'):
        return text
    return json.dumps(text, ensure_ascii=False)


def _printable(value: Any) -> Any:
    """Copy a value; in each text, escape what a strict JSON parser refuses."""
    if isinstance(value, str):
        return as_data(value)
    if isinstance(value, Mapping):
        return {name: _printable(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(entry) for entry in value]
    return value


def bytes_in_words(size: int) -> str:
    """Format a size in bytes for people. Units are powers of 1024."""
    number, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if number < 1000 or unit == "TiB":
            break
        number /= 1024
    return f"{size} B" if unit == "B" else f"{number:.1f} {unit}"


def count_of(number: int, what: str) -> str:
    """Format a number with its noun, such as ``1 file`` and ``2 files``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
