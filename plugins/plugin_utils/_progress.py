# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show how far a task has come while its module runs, on stderr of ansible-playbook.

The module runs in the main thread as it would without this. It writes numbers to a file on its host
(module_utils/_progress.py). Another thread reads the file now and then, over a copy of the connection. Whatever goes
wrong there is ignored, and there is no progress then.
"""

from __future__ import annotations

import contextvars
import copy
import os
import secrets
import shlex
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

from ..module_utils._engine.command.console import bytes_in_words
from ..module_utils._engine.local.names import shown
from ..module_utils._progress import MAX_LENGTH, VARIABLE, Reading, parse

INTERVAL = "filedrop_progress"
"""The host's variable with the seconds between two lines; 0: no progress."""

_CONNECTIONS = (
    "ansible.plugins.connection.local",
    "ansible.plugins.connection.ssh",
    "ansible_collections.community.docker.plugins.connection.docker",
    "ansible_collections.containers.podman.plugins.connection.podman",
)
"""Each of their commands is a process of its own, so one can run beside another."""

_FIRST = 5.0  # seconds until the first line, at most
_SELDOM = 60.0  # seconds between two lines where there is no terminal
_LONGEST = 86400.0  # seconds between two lines
_WINDOW = 30_000  # milliseconds that a rate is measured over
_STALLED = 10  # seconds without a byte that are worth a word
_MAX_FAILURES = 3  # in a row: each may be a login that the host counts
_LABEL = 60  # characters of an item of a loop
_PATIENCE = 1.0  # seconds that a task waits for the end of a look


def _is_terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False


# The process of a task has no terminal, but Ansible loads this module in the process that has one.
_OFTEN = _FIRST if _is_terminal() else _SELDOM

_display = Display()


class WithProgress(ActionBase):  # type: ignore[misc]
    """An action that shows how far its module has come, while the module runs on the host."""

    _progress_name = ""
    _progress_path = ""

    @contextmanager
    def progress(self, title: str, task_vars: Mapping[str, Any]) -> Iterator[None]:
        """Show progress during the block, in which the module runs.

        Nothing is shown for tasks in check mode, with ``async`` or with ``no_log``, and for connections that cannot run
        two commands at the same time.
        """
        interval = self._interval(task_vars)
        if not interval:
            yield
            return
        self._progress_name = f".filedrop-progress-{secrets.token_hex(16)}"
        over = threading.Event()
        teller = Teller(f"{task_vars['inventory_hostname']}: {title}: ")
        # ansible-core keeps the task that runs in a context variable.
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(self._follow, teller, interval, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(_PATIENCE)

    def _interval(self, task_vars: Mapping[str, Any]) -> float:
        """Return the seconds between two lines; 0: there is no progress."""
        task = self._task
        if task.async_val or task.no_log or task.check_mode or type(self._connection).__module__ not in _CONNECTIONS:
            return 0
        try:
            given = self._templar.template(task_vars.get(INTERVAL))
            seconds = _OFTEN if given is None else float(given)
            return min(seconds, _LONGEST) if seconds > 0 else 0
        except Exception:  # also of a template, which has no common class over all releases of ansible-core
            _display.warning(
                f"{INTERVAL}: the value is not a number of seconds, so it is ignored. 0 shows no progress."
            )
            return _OFTEN

    def _compute_environment_string(self, raw_environment_out: dict[str, Any] | None = None) -> str:
        """Add the path of the file to the environment of the module. It is no option, so it is in no result.

        The file is in the task's own folder on the host, which Ansible removes, if there is one that the user of the
        module can write to.
        """
        environment: dict[str, Any] = {} if raw_environment_out is None else raw_environment_out
        without: str = super()._compute_environment_string(environment)
        if not self._progress_name:
            return without
        folder = self._connection._shell.tmpdir
        if not folder or self._is_become_unprivileged():
            folder = (self.get_shell_option("system_tmpdirs") or ["/tmp"])[-1]  # noqa: S108
        environment[VARIABLE] = self._progress_path = f"{folder}/{self._progress_name}"
        return str(self._connection._shell.env_prefix(**environment))

    def _follow(self, teller: Teller, interval: float, over: threading.Event) -> None:
        wait = min(_FIRST, interval)
        failures = 0
        while failures < _MAX_FAILURES and not over.wait(wait):
            wait = interval
            try:
                reading = self._look()
                if reading and not over.is_set():
                    _display.display(teller.line(reading, time.monotonic()), stderr=True)
                failures = 0
            except Exception:  # whatever it is, the task goes on
                failures += 1

    def _look(self) -> Reading | None:
        """Read the file as the user who logs in."""
        # Over ssh, only a connection that is kept open saves the work of a new one for each look.
        is_ready = self._progress_path and getattr(self._connection, "_persistent", self._connection.transport != "ssh")
        if not is_ready:
            return None
        beside = copy.copy(self)
        beside._connection = copy.copy(self._connection)
        beside._connection.become = None
        path = shlex.quote(self._progress_path)
        # Somebody else may have put something there that never ends.
        command = f"test -f {path} && head -c {MAX_LENGTH + 1} {path}"
        return parse(beside._low_level_execute_command(command, sudoable=False)["stdout"])


class TransferAction(WithProgress, NormalAction):  # type: ignore[misc]
    """Run the module of the same name as Ansible does without an action, and show its progress."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        given, about = self._task.args, task_vars or {}
        names = (given.get(option) for option in ("account", "host", "preset"))
        account = next((shown(str(name)) for name in names if name), "")
        words = (self._task.action.rpartition(".")[2], account, self._item(about))
        with self.progress(" ".join(filter(None, words)), about):
            result: dict[str, Any] = super().run(tmp, task_vars)
        return result

    def _item(self, task_vars: Mapping[str, Any]) -> str:
        """Return the item of a loop, as Ansible shows it."""
        variable = task_vars.get("ansible_loop_var")
        if not variable:
            return ""
        label = getattr(self._task.loop_control, "label", None)
        try:
            item = shown(str(self._templar.template(label) if label else task_vars[variable]))
        except Exception:  # as above
            return ""
        return f"(item={item if len(item) <= _LABEL else item[: _LABEL - 3] + '...'})"


class Teller:
    """Put readings into words.

    :param prefix: of each line.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._readings: deque[Reading] = deque()
        self._seen_at = 0.0

    def line(self, reading: Reading, now: float) -> str:
        """Return the line for a reading.

        :param now: in seconds, of any clock that never goes back.
        """
        if not self._readings or self._readings[-1] != reading:
            self._readings.append(reading)
            self._seen_at = now
        while len(self._readings) > 2 and reading.milliseconds - self._readings[1].milliseconds >= _WINDOW:
            self._readings.popleft()
        return self._prefix + ", ".join(self._words(reading, now - self._seen_at))

    def _words(self, reading: Reading, unchanged: float) -> Iterator[str]:
        if not reading.files:
            yield "looking for files"
            return
        yield f"{reading.files_ended:,} of {reading.files:,} {'file' if reading.files == 1 else 'files'}"
        yield f"{bytes_in_words(reading.size_moved)} of {bytes_in_words(reading.size)}"
        left = reading.size - reading.size_moved
        if left <= 0:
            return
        if unchanged >= _STALLED:
            yield f"no data for {clock(unchanged)}"
            return
        first = self._readings[0] if len(self._readings) > 1 else Reading(0, 0, 0, 0, 0)
        rate = 1000 * (reading.size_moved - first.size_moved) / max(reading.milliseconds - first.milliseconds, 1)
        if rate >= 1:
            yield f"{bytes_in_words(int(rate))}/s"
            yield f"{clock(left / rate)} left"


def clock(seconds: float) -> str:
    """Format a duration as ``5:12`` or ``1:05:12``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
