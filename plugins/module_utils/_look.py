# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a host once, before the role changes anything: what differs from its plan, and what cannot work there."""

from __future__ import annotations

import base64
import binascii
import grp
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._folder_rights import folder_problems, future_user, group_problems, secret_problems
from ._host_state import SYSTEMD, Obstacle, Planned, as_wanted, compare, found_at, user_name
from ._lost_ledger import lost

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_OLDEST_PYTHON = (3, 9)
_NEWER = "filedrop requires Python 3.9 or newer. Install it."
_PROBE = """\
import importlib.util, json, sys
found = {"version": sys.version_info[:2], "ensurepip": importlib.util.find_spec("ensurepip") is not None}
found["lacks"] = []
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError:
        found["lacks"].append(name)
print(json.dumps(found))
"""
_CALENDAR_HINT = (
    "Use a calendar event such as 'Mon..Fri 06:00' (systemd.time(7)). To test one, run: systemd-analyze calendar."
)
_OTHER_SCHEDULER = {
    "systemd": "If systemd is not the first process of this host, let cron start the jobs: filedrop_scheduler: cron.",
    "cron": "Install a cron that reads /etc/cron.d (cron on Debian, cronie on RHEL), or let systemd start the jobs.",
}
_NO_SHARED_KEY = (
    "this host does not have the account's key, which is the same on all hosts (filedrop_key_scope: account). Run the "
    "playbook courier.filedrop.onboard: it makes the key, or gets it from another host."
)
_KEY_TYPES = {"ecdsa": "ecdsa-", "ed25519": "ssh-ed25519", "rsa": "ssh-rsa"}
_SHELL = "/usr/sbin/nologin"
_NO_LOGIN = ("nologin", "false", "")


@dataclass(frozen=True)
class Problem:
    """Say why the jobs cannot work on this host.

    :ivar is_missing: something does not exist. In check mode that is only a warning: another task of the same play may
        create it, and in check mode has not.
    """

    text: str
    is_missing: bool = False


def look(module: AnsibleModule) -> None:
    """Exit with what the module has found."""
    given = module.params
    if sys.version_info < _OLDEST_PYTHON:
        text = f"{sys.executable}, which runs the modules on this host, is Python {sys.version.split()[0]}. {_NEWER}"
        module.exit_json(problems=[text])
    if os.geteuid() != 0:
        text = f"The tasks of the role run as {user_name(os.geteuid())} on this host, but need root. Set become: true."
        module.exit_json(problems=[text])
    seen = _inspect(given)
    scheduler = given["scheduler"] if given["scheduler"] != "auto" else "systemd" if seen["systemd"] else "cron"
    owner = "root" if scheduler == "systemd" and seen["handover"] else given["user"]
    plan = _plan_for(given, scheduler, owner)
    problems = _host_problems(given, seen, scheduler)
    if plan is not None:
        problems += _plan_problems(given, seen, plan)
    differs, obstacles = ([], []) if plan is None else _differences(module, given, seen, plan)
    problems += map(Problem, obstacles)
    if module.check_mode:
        for each in problems:
            if each.is_missing:
                module.warn(each.text)
        problems = [each for each in problems if not each.is_missing]
    sound = None if problems else plan
    module.exit_json(
        changed=False,
        seen=seen,
        scheduler=scheduler,
        keys_owner=owner,
        problems=[each.text for each in problems],
        differs=[] if sound is None else differs,
        taken_off=[] if sound is None else _taken_off(sound),
    )


def _plan_for(given: Mapping[str, Any], scheduler: str, owner: str) -> dict[str, Any] | None:
    """Choose the plan for this host. None if it has no valid one; the control node has its errors."""
    for plan in given["plans"]:
        if (plan["scheduler"], plan["keys_owner"]) == (scheduler, owner):
            return {**plan, "secrets": [{**each, "owner": owner, "group": owner} for each in given["secrets"]]}
    return None


# --- what there is


def _inspect(given: Mapping[str, Any]) -> dict[str, Any]:
    paths = given["paths"]
    user = _user(given["user"])
    venv, libraries = os.path.join(paths["venv"], "bin", "python"), given["libraries"]
    python = _probe(paths["python"], libraries)
    in_venv = (_probe(venv, libraries) if os.path.exists(venv) else None) or {"lacks": libraries}
    lacks = libraries if python is None else python["lacks"]
    return {
        "python": python,
        "apt": os.path.exists("/usr/bin/apt-get"),
        **_schedulers(),
        "command": os.path.exists(paths["command"]),
        "ledger": os.path.exists(paths["ledger"]),
        "foreign": _belongs_to_others(os.path.dirname(paths["ledger"]), user.pw_uid if user else None),
        "folder": os.path.isdir(paths["configuration"]),
        "configured": os.path.isdir(os.path.join(paths["configuration"], "jobs")),
        "handover": _shares_mounts(),
        "user": user is not None,
        "lacks": {"system": lacks, "venv": in_venv["lacks"]},
        "venv": os.path.exists(venv) and in_venv["lacks"] != libraries,
        "requirements": _text_of(paths["requirements"]),
        "ensurepip": bool(python and python["ensurepip"]),
    }


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _group(name: str) -> grp.struct_group | None:
    try:
        return grp.getgrnam(name)
    except KeyError:
        return None


def _probe(python: str, libraries: Sequence[str]) -> dict[str, Any] | None:
    status, out, _error = _ask([python, "-Ic", _PROBE, *libraries])
    return json.loads(out) if status == 0 else None


def _ask(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command; return its exit status, its output, and the first line of its errors."""
    try:
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        return 127, "", str(error)
    said = done.stderr.decode("utf-8", "replace").strip()
    return done.returncode, done.stdout.decode("utf-8", "replace"), said.splitlines()[0] if said else "it is invalid"


def _belongs_to_others(folder: str, user: int | None) -> bool:
    """Return whether a folder, or a file in it, belongs to another user, such as to root after an earlier use."""
    if not os.path.isdir(folder):
        return False
    for name in ["", *os.listdir(folder)]:
        try:
            if os.lstat(os.path.join(folder, name)).st_uid != user:
                return True
        except FileNotFoundError:  # SQLite's side files are created and removed at any time
            pass
    return False


def _schedulers() -> dict[str, bool]:
    """Return what can start jobs on this host."""
    has_cron = any(shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in ("cron", "crond"))
    return {"systemd": os.path.isdir(SYSTEMD), "cron": os.path.isdir("/etc/cron.d") and has_cron}


def _shares_mounts() -> bool:
    """Return whether systemd can pass secrets to services: it mounts them, and in a container mounts may be private."""
    with open("/proc/1/mountinfo") as mounts:
        at = {line.split()[4]: line for line in mounts}
    return " shared:" in at.get("/run", at["/"])


def _text_of(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


# --- what cannot work


def _host_problems(given: Mapping[str, Any], seen: Mapping[str, Any], scheduler: str) -> list[Problem]:
    paths = given["paths"]
    found = []
    python = seen["python"]
    if python is None:
        found.append(Problem(f"{paths['python']} is missing on this host, or does not run. {_NEWER}"))
    elif tuple(python["version"]) < _OLDEST_PYTHON:
        version = ".".join(map(str, python["version"]))
        found.append(Problem(f"{paths['python']} on this host is Python {version}. {_NEWER}"))
    if not seen[scheduler]:
        asked = f"filedrop_scheduler: the jobs are started by {scheduler}, which is missing on this host"
        found.append(Problem(f"{asked}. {_OTHER_SCHEDULER[scheduler]}"))
    if seen["configured"] and not seen["ledger"]:
        error = lost(paths["configuration"], paths["ledger"], paths["command"], given["user"])
        found.append(Problem(str(error)))
    found += _user_problems(given)
    if given["entry"] == "jobs":
        there = {paths["command"]: seen["command"], paths["ledger"]: seen["ledger"]}
        there.update({f"the library {name}": False for name in seen["lacks"][given["library"]]})
        missing = [name for name, exists in {**there, f"the user {given['user']}": seen["user"]}.items() if not exists]
        if missing:
            way_out = "Run the whole role first: tasks_from: main, or the playbook courier.filedrop.jobs."
            text = f"Missing on this host: {', '.join(missing)}. The jobs need it. {way_out}"
            found.append(Problem(text, is_missing=True))
    return found


def _user_problems(given: Mapping[str, Any]) -> list[Problem]:
    """A user who logs in would lose that, because the role sets the shell and the home folder of the jobs' user."""
    user, state = _user(given["user"]), os.path.dirname(given["paths"]["ledger"])
    found = []
    if user is not None and user.pw_dir != state and os.path.basename(user.pw_shell) not in _NO_LOGIN:
        what = f"the user {user.pw_name} exists on this host, and logs in (home {user.pw_dir}, shell {user.pw_shell})"
        why = "The role would take both from that user"
        found.append(
            Problem(f"filedrop_user: {what}. {why}. Set filedrop_user to a name of its own, such as filedrop.")
        )
    for name in given["groups"]:
        if _group(name) is None:
            text = f"filedrop_groups: the group {name} is missing on this host. Create it first, or correct the name."
            found.append(Problem(text, is_missing=True))
    return found


def _plan_problems(given: Mapping[str, Any], seen: Mapping[str, Any], plan: Mapping[str, Any]) -> list[Problem]:
    if given["entry"] == "keys":
        return []  # the folders of the jobs may come later than the keys
    found = [Problem(text) for text in (_refused_calendars(plan["calendars"]) if seen["systemd"] else [])]
    user = future_user(given["user"], given["groups"])
    for place in plan["places"]:
        found += [Problem(text, is_missing=gone) for text, gone in folder_problems(place, user)]
    for given_group in plan["given_groups"]:
        found += [Problem(text, is_missing=gone) for text, gone in group_problems(given_group, user)]
    keys = given["paths"]["keys"]
    missing = [name for name in plan["shared_keys"] if not os.path.lexists(os.path.join(keys, name))]
    found += [Problem(f"filedrop_accounts.{name}: {_NO_SHARED_KEY}", is_missing=True) for name in missing]
    for secret in plan["given_secrets"]:
        found += [Problem(text, is_missing=gone) for text, gone in secret_problems(secret, user)]
    return found


def _refused_calendars(calendars: Mapping[str, str]) -> list[str]:
    """List the schedules that systemd rejects. All are checked in one call; only after a failure, each on its own."""
    command = ["systemd-analyze", "calendar", "--"]
    if not calendars or _ask([*command, *calendars.values()])[0] == 0:
        return []
    told = []
    for job, calendar in sorted(calendars.items()):
        status, _out, why = _ask([*command, calendar])
        if status:
            what = f"{calendar!r} is text that systemd does not accept: {why.rstrip('.')}"
            told.append(f"filedrop_jobs.{job}.on_calendar: {what}. {_CALENDAR_HINT}")
    return told


# --- what differs


def _differences(
    module: AnsibleModule, given: Mapping[str, Any], seen: Mapping[str, Any], plan: Mapping[str, Any]
) -> tuple[list[str], list[str]]:
    """Name the parts of the deployment that differ from the plan, and say what keeps them from being compared."""
    paths, user = given["paths"], given["user"]
    state = Planned(os.path.dirname(paths["ledger"]), user, user, 0o700)
    obstacles: list[str] = []

    def plan_differs() -> bool:
        found = compare(module, plan)
        obstacles.extend(found.obstacles)
        return found.differs

    checks: dict[str, Callable[[], bool]] = {
        "library": lambda: not _library_as_wanted(given, seen),
        "user": lambda: not _user_as_wanted(given),
        "command": lambda: not _command_as_wanted(given["command"], paths["command"]),
        "ledger": lambda: not _is_file(paths["ledger"]) or seen["foreign"] or not as_wanted(state, found_at(state)),
        "keys": lambda: (
            not all(_pair_as_wanted(f"{paths['keys']}/{name}", given) for name in plan["keys"])
            or not all(_is_file(f"{paths['keys']}/{name}") for name in plan["shared_keys"])
        ),
        "plan": plan_differs,
    }
    differs = []
    for part in {"keys": ("library", "user", "keys"), "jobs": ("user", "plan")}.get(given["entry"], tuple(checks)):
        try:
            if checks[part]():
                differs.append(part)
        except Obstacle as error:
            obstacles.append(str(error))
    return differs, list(dict.fromkeys(obstacles))


def _library_as_wanted(given: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    if seen["lacks"][given["library"]]:
        return False
    return given["library"] == "system" or (bool(seen["venv"]) and seen["requirements"] == given["requirements"])


def _user_as_wanted(given: Mapping[str, Any]) -> bool:
    user, group = _user(given["user"]), _group(given["user"])
    if user is None or group is None or user.pw_gid != group.gr_gid:
        return False
    groups = {found.gr_gid for found in map(_group, given["groups"]) if found is not None}
    has_all = groups <= set(os.getgrouplist(user.pw_name, user.pw_gid)) and None not in map(_group, given["groups"])
    return has_all and user.pw_shell == _SHELL and user.pw_dir == os.path.dirname(given["paths"]["ledger"])


def _is_file(path: str) -> bool:
    """Return whether there is a file, or a link to one.

    :raises Obstacle: there is something else.
    """
    if os.path.lexists(path) and not os.path.isfile(path):
        raise Obstacle(f"{path} exists, but is not a regular file. Move it away.")
    return os.path.isfile(path)


def _command_as_wanted(digest: str, path: str) -> bool:
    if not _is_file(path):
        return False
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            owned = (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o755)
            return owned and hashlib.sha256(file.read()).hexdigest() == digest
    except OSError:
        return False


def _pair_as_wanted(path: str, given: Mapping[str, Any]) -> bool:
    """Return whether a generated pair exists, belongs together, and has the wanted type and comment."""
    private, public = (found_at(Planned(name, "", "", 0, b"")) for name in (path, f"{path}.pub"))
    if private is None or public is None:
        return False
    kind, _space, rest = (public.content or b"").decode("utf-8", "replace").strip().partition(" ")
    blob, _space, comment = rest.partition(" ")
    if not kind.startswith(_KEY_TYPES[given["key_type"]]) or comment != given["key_comment"]:
        return False
    lines = (private.content or b"").splitlines()
    try:
        return base64.b64decode(blob) in base64.b64decode(b"".join(line for line in lines if b"-----" not in line))
    except (binascii.Error, ValueError):
        return False


def _taken_off(plan: Mapping[str, Any]) -> list[str]:
    """Return the names of the jobs on the host that the plan does not have."""
    folder = next((each["path"] for each in plan["folders"] if each["path"].endswith("/jobs")), "")
    kept = {each["path"] for each in plan["files"]}
    try:
        found = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        return []
    return [name[: -len(".json")] for name in found if os.path.join(folder, name) not in kept]
