# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runs of jobs are under way on a host, whoever has started them: a line for each.

    running_jobs.py COMMAND [end]

With ``end``, what cron has started and what only waits for its second is ended: there is nothing under way in it.
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
            # The shell first, or it would go on when its sleep is over.
            for each in (number, *(child for child, (parent, _words) in there.items() if parent == number)):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGTERM)
    if os.path.isdir("/run/systemd/system"):
        # Those that are about to begin, or have just ended, as well.
        sys.stdout.flush()
        states = "--state=active,activating,deactivating"
        subprocess.call(["systemctl", "list-units", "--plain", "--no-legend", states, "filedrop@*.service"])


def processes():
    """By number, the parent's number and the words of the command line."""
    found = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").rstrip("\0").split("\0")
            with open(f"/proc/{number}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        found[int(number)] = (parent, words)
    return found


main()
