# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which runs of jobs are under way on a host, whoever has started them: a line for each."""

import os
import subprocess
import sys


def main():
    command = sys.argv[1]
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if command in words[:3] and "run" in words and int(number) != os.getpid():
            sys.stdout.write(" ".join(words).strip() + "\n")
    if os.path.isdir("/run/systemd/system"):
        sys.stdout.flush()
        # Those that are about to begin, or have just ended, as well.
        states = "--state=active,activating,deactivating"
        subprocess.call(["systemctl", "list-units", "--plain", "--no-legend", states, "filedrop@*.service"])


main()
