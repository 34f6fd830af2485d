# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspect a host before the role changes anything, and print the result as one JSON document.

The script runs with the host's own Python. That may be too old for everything else here (it may be 3.6).
"""

import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys

CAN_SPEAK_SSH = "import cryptography, paramiko"
WAY_OUT = "Use a calendar event such as 'Mon..Fri 06:00' (systemd.time(7)). To test one, run: systemd-analyze calendar."


def main():
    asked = json.loads(sys.argv[1])
    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    venv = os.path.join(asked["venv"], "bin", "python")
    seen = {
        "version": ".".join(map(str, sys.version_info[:2])),
        "new_enough": sys.version_info >= (3, 9),
        "apt": os.path.exists("/usr/bin/apt-get"),
        "systemd": os.path.isdir("/run/systemd/system"),
        "cron": os.path.isdir("/etc/cron.d") and any(program_there(name) for name in ("cron", "crond")),
        "command": os.path.exists(asked["command"]),
        "ledger": os.path.exists(asked["ledger"]),
        "foreign": belongs_to_others(os.path.dirname(asked["ledger"]), users.get(asked["user"])),
        "folder": os.path.isdir(asked["folder"]),
        "configured": os.path.isdir(os.path.join(asked["folder"], "jobs")),
        "handover": shares_mounts(),
        "user": asked["user"] in users,
        "library": works([sys.executable, "-Ic", CAN_SPEAK_SSH]),
        "venv": works([venv, "-Ic", CAN_SPEAK_SSH]),
        "requirements": text_of(asked["requirements"]),
        "ensurepip": importlib.util.find_spec("ensurepip") is not None,
    }
    calendars = asked["calendars"] if seen["systemd"] else {}
    seen["refused"] = refused(calendars)
    sys.stdout.write(json.dumps(seen))


def belongs_to_others(folder, user):
    """Whether a folder, or a file in it, belongs to another user, such as to root after an earlier use."""
    if not os.path.isdir(folder):
        return False
    for name in ["", *os.listdir(folder)]:
        try:
            if os.lstat(os.path.join(folder, name)).st_uid != user:
                return True
        except FileNotFoundError:  # SQLite's side files are created and removed at any time
            pass
    return False


def program_there(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None


def shares_mounts():
    """Whether systemd can pass secrets to services: it mounts them, and in a container mounts may be private."""
    with open("/proc/1/mountinfo") as mounts:
        at = {line.split()[4]: line for line in mounts}
    return " shared:" in at.get("/run", at["/"])


def works(command):
    return ask(command)[0] == 0


def ask(command):
    """Run a command; return its exit status and the first line of its stderr."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        return 127, str(error)
    said = process.communicate()[1].decode("utf-8", "replace").strip()
    return process.returncode, said.splitlines()[0] if said else "it is invalid"


def text_of(path):
    try:
        with open(path) as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def refused(calendars):
    """List the schedules that systemd rejects. All are checked in one call; only after a failure, each on its own."""
    if not calendars or works(["systemd-analyze", "calendar", "--", *calendars.values()]):
        return []
    told = []
    for job, calendar in sorted(calendars.items()):
        status, why = ask(["systemd-analyze", "calendar", "--", calendar])
        if status:
            variable = f"filedrop_jobs.{job}.on_calendar"
            told.append(f"{variable}: {calendar!r} is text that systemd does not accept: {why.rstrip('.')}. {WAY_OUT}")
    return told


main()
