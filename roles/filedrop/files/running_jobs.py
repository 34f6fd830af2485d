# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List the active runs of jobs on a host, one per line, no matter who started them.

    running_jobs.py COMMAND [end]

With ``end``, runs that cron has started and that still wait for their second are ended. They transfer nothing yet.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress


def main():
    command, end = sys.argv[1], sys.argv[2:] == ["end"]
    there = processes()
    for number, (_parent, words) in there.items():
        if command in words[:3] and "run" in words and number != os.getpid():
            sys.stdout.write(" ".join(words) + "\n")
        elif (
            end and words[1:2] == ["-c"] and words[2].startswith("umask 027; sleep ") and f"{command} run " in words[2]
        ):
            # First the shell, because it would start the run after the end of its sleep.
            for each in (number, *(child for child, (parent, _words) in there.items() if parent == number)):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGTERM)
    if os.path.isdir("/run/systemd/system"):
        # Include services that are starting or stopping.
        sys.stdout.flush()
        states = "--state=active,activating,deactivating"
        subprocess.call(["systemctl", "list-units", "--plain", "--no-legend", states, "filedrop@*.service"])


def processes():
    """Map the number of each process to its parent's number and the words of its command line."""
    found = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
            with open(f"/proc/{number}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # the process has ended meanwhile
        found[int(number)] = (parent, words)
    return found


main()
