# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put the files and triggers of a host's jobs in place. Everything is checked first, and then changed.

A trigger is a unit that starts a job: a timer or a path unit. Old triggers are stopped before their files are removed,
and new ones are started after their files exist. So the triggers match their files at any time. Services are never
touched. After an interruption, the next call completes the work, because it compares with the actual state of the host.

The keys may be in a folder of the jobs' user. So files are opened by descriptor, no link is followed, and a file that
only gets another owner is never read or copied.
"""

from __future__ import annotations

import errno
import glob
import grp
import json
import os
import pwd
import re
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from ._engine.local.walk import FOLDER, open_folder

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_HIDDEN = "(content not shown)\n"
_GRANT_HINT = (
    "Give a group that permission, and add the group to filedrop_groups; each folder above needs permission x."
)
_STAMPS = "/var/lib/systemd/timers"
_SYSTEMD = "/run/systemd/system"
_TRIGGERS = (".timer", ".path")
_DROP_IN = ".service.d/filedrop.conf"
_OWNER_ONLY = 0o600
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never wait for a named pipe
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY = ".filedrop-new-"


@dataclass(frozen=True)
class _Planned:
    path: str
    owner: str
    group: str
    mode: int
    content: bytes | None = None  # None for a folder, and for a file that keeps its content
    secret: bool = False
    kept: bool = False

    @property
    def is_folder(self) -> bool:
        return self.content is None and not self.kept


@dataclass(frozen=True)
class _Found:
    owner: str
    group: str
    mode: int
    content: bytes | None


@dataclass(frozen=True)
class _Triggers:
    """Say what to do with the units that start jobs.

    :ivar active: those in ``stop`` that are running.
    :ivar reload: systemd uses outdated files, because an earlier call was interrupted.
    """

    start: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    reload: bool = False


def apply_plan(module: AnsibleModule) -> None:
    """Apply the plan in the module's options, and exit with the changes."""
    given = module.params
    wanted = _wanted(given)
    _require_usable(module, given["user"], given["places"], given["given_secrets"])
    before = {each.path: _found(module, each) for each in wanted}
    changed = [each for each in wanted if not _as_wanted(each, before[each.path])]
    superfluous = _superfluous(given["exclusive"], wanted)
    triggers = _triggers(module, given["triggers"], wanted, superfluous)
    result: dict[str, Any] = {
        "changed": bool(changed or superfluous or triggers.start or triggers.stop or triggers.reload),
        "written": [each.path for each in changed],
        "removed": superfluous,
        "started": triggers.start,
        "stopped": triggers.stop,
    }
    if module._diff:
        result["diff"] = _difference(changed, before, superfluous, triggers)
    if not module.check_mode:
        _remove_leftovers(wanted)
        _apply(module, changed, superfluous, triggers)
    module.exit_json(**result)


def _wanted(given: Mapping[str, Any]) -> list[_Planned]:
    found = [_Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8)) for each in given["folders"]]
    for each in given["files"]:
        content = each["content"].encode("utf-8")
        found.append(_Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8), content))
    for each in given["secrets"]:
        content = each["content"].encode("utf-8")
        found.append(_Planned(each["path"], each["owner"], each["group"], _OWNER_ONLY, content, secret=True))
    found += [
        _Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8), kept=True)
        for each in given["kept"]
        if os.path.lexists(each["path"])  # a missing file is not created
    ]
    return found


def _found(module: AnsibleModule, wanted: _Planned) -> _Found | None:
    try:
        with _opened(wanted) as fd:
            status = os.fstat(fd)
            if not (modes.S_ISDIR if wanted.is_folder else modes.S_ISREG)(status.st_mode):
                raise _NotRegular
            content = None if wanted.content is None else _content(fd)
    except FileNotFoundError:
        return None
    except _NotRegular:
        kind = "folder" if wanted.is_folder else "file"
        module.fail_json(msg=f"{wanted.path} exists, but is not a regular {kind}. Move it away.")
    except OSError as error:
        module.fail_json(msg=f"{wanted.path} cannot be read: {error.strerror}. Check it, and run again.")
    return _Found(_user_name(status.st_uid), _group_name(status.st_gid), modes.S_IMODE(status.st_mode), content)


class _NotRegular(Exception):
    """There is a link, or another special file, in the place of a file or folder."""


@contextmanager
def _opened(wanted: _Planned) -> Iterator[int]:
    """Open an existing file or folder of the plan; follow no link in its place."""
    with _folder_of(wanted.path) as folder:
        name = os.path.basename(wanted.path)
        try:
            fd = os.open(name, FOLDER if wanted.is_folder else _READ, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise _NotRegular from error
            raise
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _folder_of(path: str) -> Iterator[int]:
    fd = open_folder(os.path.dirname(path))
    try:
        yield fd
    finally:
        os.close(fd)


def _as_wanted(wanted: _Planned, found: _Found | None) -> bool:
    return found == _Found(wanted.owner, wanted.group, wanted.mode, wanted.content)


def _superfluous(patterns: Iterable[str], wanted: Iterable[_Planned]) -> list[str]:
    keep = {each.path for each in wanted}
    return sorted(path for pattern in patterns for path in glob.glob(pattern) if path not in keep)


# --- checks before anything changes


def _require_usable(
    module: AnsibleModule,
    user: str,
    places: Iterable[Mapping[str, Any]],
    secrets: Iterable[Mapping[str, Any]],
) -> None:
    """Report all folders that the jobs' user cannot use, and all secrets that cannot be read, in one message."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        entry = None
    problems = [text for place in places for text in _folder_problems(place, entry)]
    problems += [text for secret in secrets for text in _secret_problems(secret, entry)]
    if problems and module.check_mode:
        # Earlier tasks of the play may create them, and in check mode they have created nothing.
        for text in problems:
            module.warn(text)
    elif problems:
        module.fail_json(msg=" ".join(problems))


def _folder_problems(place: Mapping[str, Any], user: pwd.struct_passwd | None) -> list[str]:
    path, variable = place["path"], place["variable"]
    try:
        status = os.stat(path)
    except OSError as error:
        return [f"{variable}: {path} is missing: {error.strerror}. Create it, with permissions for the jobs' user."]
    if not modes.S_ISDIR(status.st_mode):
        return [f"{variable}: {path} is not a folder. Set the folder here, and the file's name in include."]
    rights = os.R_OK | os.X_OK | (os.W_OK if place["write"] else 0)
    if user is None or _as_user(user, lambda: os.access(path, rights)):
        return []
    need = "read and write" if place["write"] else "read"
    owner, group = _user_name(status.st_uid), _group_name(status.st_gid)
    there = f"owner {owner}, group {group}, mode {status.st_mode & 0o7777:04o}"
    return [
        f"{variable}: the user {user.pw_name} is not permitted to {need} in {path} ({there}). {_GRANT_HINT}",
    ]


def _secret_problems(secret: Mapping[str, Any], user: pwd.struct_passwd | None) -> list[str]:
    """Return why an existing file with a secret cannot be used."""
    path, variable = secret["path"], secret["variable"]
    try:
        status = os.stat(path)
    except OSError as error:
        return [f"{variable}: {path} is missing: {error.strerror}. Create it first."]
    if not modes.S_ISREG(status.st_mode):
        return [f"{variable}: {path} is not a file. Set the path of a file."]
    if secret["handed_over"] or user is None or _as_user(user, lambda: os.access(path, os.R_OK)):
        return []
    owner, mode = _user_name(status.st_uid), status.st_mode & 0o7777
    way_out = f"Give it to that user, with mode 0600. On this host, systemd cannot pass it on from {owner}."
    reason = f"the user {user.pw_name} is not permitted to read {path} (owner {owner}, mode {mode:04o})"
    return [f"{variable}: {reason}. {way_out}"]


def _as_user(user: pwd.struct_passwd, check: Callable[[], bool]) -> bool:
    """Run a check in a process of that user, so that ACLs and network shares are taken into account."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.initgroups(user.pw_name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


# --- triggers


def _triggers(
    module: AnsibleModule, triggers: Mapping[str, bool], wanted: Iterable[_Planned], superfluous: Iterable[str]
) -> _Triggers:
    names = {unit: bool(enabled) for unit, enabled in triggers.items()}
    names.update({os.path.basename(path): False for path in superfluous if path.endswith(_TRIGGERS)})
    services = {_service_of(each.path) for each in wanted if each.path.endswith(_DROP_IN)}
    if not (names or services) or not os.path.isdir(_SYSTEMD):
        return _Triggers()
    shown = ["--property=Id,ActiveState,UnitFileState,NeedDaemonReload"]
    _status, out, _error = module.run_command(["systemctl", "show", *shown, "--", *sorted({*names, *services})])
    units = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.split("\n\n") if block.strip()]
    state = {unit.get("Id", ""): unit for unit in units}
    found = _Triggers(reload=any(unit.get("NeedDaemonReload") == "yes" for unit in units))
    for name, enabled in sorted(names.items()):
        unit = state.get(name, {})
        active = unit.get("ActiveState") == "active"
        linked = unit.get("UnitFileState") == "enabled"
        if enabled and not (active and linked):
            found.start.append(name)
        if not enabled and (active or linked):
            found.stop.append(name)
            found.active.extend([name] if active else [])
    return found


def _service_of(drop_in: str) -> str:
    return os.path.basename(os.path.dirname(drop_in))[: -len(".d")]


# --- changes


def _apply(module: AnsibleModule, changed: list[_Planned], superfluous: list[str], triggers: _Triggers) -> None:
    with _prepared(module, changed) as ready:
        if triggers.stop:
            _systemctl(module, "disable", *triggers.stop)
        if triggers.active:
            _systemctl(module, "stop", *triggers.active)
        for path, temporary in ready.items():
            try:
                with _folder_of(path) as folder:
                    os.replace(temporary, os.path.basename(path), src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                module.fail_json(msg=f"{path} cannot be put in place: {error.strerror}. Run again after correcting it.")
    for path in superfluous:
        os.unlink(path)
        if path.endswith(_DROP_IN):
            with suppress(OSError):  # a folder with drop-ins of others stays
                os.rmdir(os.path.dirname(path))
        if path.endswith(".timer"):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(_STAMPS, f"stamp-{os.path.basename(path)}"))
    units = any("/systemd/" in path for path in (*superfluous, *(each.path for each in changed)))
    if triggers.reload or (units and os.path.isdir(_SYSTEMD)):
        # Timers follow their new schedules from now on. Active runs continue.
        _systemctl(module, "daemon-reload")
    if triggers.start:
        _systemctl(module, "enable", "--now", *triggers.start)


@contextmanager
def _prepared(module: AnsibleModule, changed: Iterable[_Planned]) -> Iterator[dict[str, str]]:
    """Create the folders, and write each file beside its destination. If one fails, no file is changed.

    So a full disk cannot leave some jobs old and others new. Temporary files that are left at the end are removed,
    because they may contain secrets. Yield their names by the paths that they are for.
    """
    ready: dict[str, str] = {}
    try:
        for each in changed:
            try:
                uid, gid = pwd.getpwnam(each.owner).pw_uid, grp.getgrnam(each.group).gr_gid
                if each.content is None:
                    _give(each, uid, gid)
                else:
                    _write_beside(each, uid, gid, ready)
            except (OSError, KeyError, _NotRegular) as error:
                module.fail_json(msg=f"{each.path} cannot be put in place: {error}. No file was changed.")
        yield ready
    finally:
        for path, temporary in ready.items():
            with suppress(OSError), _folder_of(path) as folder:
                os.unlink(temporary, dir_fd=folder)


def _give(wanted: _Planned, uid: int, gid: int) -> None:
    """Give a folder, or a file that keeps its content, its owner, group and mode. Create the folder if necessary."""
    name = os.path.basename(wanted.path)
    with _folder_of(wanted.path) as folder:
        if wanted.is_folder:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
        with _opened(wanted) as fd:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not wanted.is_folder and (status.st_nlink > 1 or not os.path.samestat(status, os.fstat(fd))):
                # Whoever owns the folder may have linked a file of root to this name, to become its owner.
                raise OSError(errno.EMLINK, "it has a second name (a hard link). Remove one of them")
            os.fchown(fd, uid, gid)
            os.fchmod(fd, wanted.mode)


def _write_beside(wanted: _Planned, uid: int, gid: int, ready: dict[str, str]) -> None:
    """Write the file with its final permissions, so that others can never read it. Record it as soon as it exists."""
    above = os.path.dirname(wanted.path)
    if wanted.path.endswith(_DROP_IN):
        with suppress(FileExistsError):
            os.mkdir(above, 0o755)
    with _folder_of(wanted.path) as folder:
        temporary = f"{_TEMPORARY}{token_hex(8)}"
        fd = os.open(temporary, _NEW, _OWNER_ONLY, dir_fd=folder)
        ready[wanted.path] = temporary
        with os.fdopen(fd, "wb") as file:
            file.write(wanted.content or b"")
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), wanted.mode)
            file.flush()
            os.fsync(file.fileno())


def _remove_leftovers(wanted: Iterable[_Planned]) -> None:
    """Remove the temporary files of a call that was killed: they may contain secrets."""
    folders = {each.path if each.is_folder else os.path.dirname(each.path) for each in wanted}
    for path in sorted(folders):
        with suppress(OSError), _folder_of(os.path.join(path, "any")) as folder:
            for name in os.listdir(folder):
                if name.startswith(_TEMPORARY):
                    os.unlink(name, dir_fd=folder)


def _systemctl(module: AnsibleModule, *arguments: str) -> None:
    status, out, error = module.run_command(["systemctl", *arguments])
    if status:
        module.fail_json(msg=f"systemctl {' '.join(arguments)} failed: {(error or out).strip()}")


# --- the diff


def _difference(
    changed: Iterable[_Planned], before: Mapping[str, _Found | None], superfluous: Iterable[str], triggers: _Triggers
) -> list[dict[str, str]]:
    entries = []
    for each in changed:
        found = before[each.path]
        was = "" if found is None else _diff_text(found, each)
        new = _Found(each.owner, each.group, each.mode, each.content)
        entries.append(_diff_entry(each.path, was, _diff_text(new, each, other=found)))
    for path in superfluous:
        secret = not path.endswith((".json", ".conf", ".service", *_TRIGGERS)) and not path.startswith("/etc/cron.d/")
        entries.append(_diff_entry(path, _HIDDEN if secret else _old_text(path), ""))
    if triggers.reload:
        entries.append(_diff_entry("files that systemd uses", "outdated files\n", "current files\n"))
    lines_before = "".join(f"{name}\n" for name in triggers.stop)
    lines_after = "".join(f"{name}\n" for name in triggers.start)
    if lines_before or lines_after:
        entries.append(_diff_entry("active timers and path units", lines_before, lines_after))
    return entries


def _diff_text(state: _Found, wanted: _Planned, other: _Found | None = None) -> str:
    rights = f"# {state.owner}:{state.group} {state.mode:04o}\n"
    if state.content is None:
        return rights
    if wanted.secret:
        differs = other is not None and other.content != state.content
        return rights + ("(different content, not shown)\n" if differs else _HIDDEN)
    return rights + _text(state.content)


def _diff_entry(path: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _old_text(path: str) -> str:
    """Return the text of a file that is removed, for the diff."""
    try:
        with _opened(_Planned(path, "", "", 0, b"")) as fd:
            return _text(_content(fd)) if modes.S_ISREG(os.fstat(fd).st_mode) else _HIDDEN
    except (OSError, _NotRegular):
        return _HIDDEN


def _text(content: bytes) -> str:
    """Return a text for the diff, without secrets. Somebody may have written some into a file that we replace."""
    text = content.decode("utf-8", "backslashreplace")
    try:
        found = json.loads(text)
    except ValueError:
        return _KEY_BLOCK.sub(_MASKED, _ASSIGNMENT.sub(rf"\1{_MASKED}", text))
    masked = _masked(found)
    return text if masked == found else json.dumps(masked, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


_MASKED = "(not shown)"
_WORDS = r"(?:pass(?:word|phrase|wd)|secret|token|private_?key|api_?key|SetCredential)"
_SECRET = re.compile(rf"(?i){_WORDS}(?!.*_(?:file|url)$)")
_ASSIGNMENT = re.compile(rf"(?im)^([^\n]*{_WORDS}\w*[\"']?[ \t]*[=:][ \t]*)\S[^\n]*")
_KEY_BLOCK = re.compile(r"-----BEGIN[^\n]*PRIVATE KEY.*?(?:-----END[^\n]*|\Z)", re.DOTALL)


def _masked(value: Any) -> Any:
    """Copy what JSON contains, with secrets masked: by the names of their options, and keys by their form."""
    if isinstance(value, dict):
        return {
            name: _MASKED if isinstance(entry, str) and _SECRET.search(str(name)) else _masked(entry)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [_masked(entry) for entry in value]
    return _KEY_BLOCK.sub(_MASKED, value) if isinstance(value, str) else value


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb", closefd=False) as file:
        return file.read()


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
