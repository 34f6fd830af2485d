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
import grp
import json
import os
import pwd
import re
import stat as modes
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from ._host_state import (
    DROP_IN,
    OWNER_ONLY,
    SYSTEMD,
    TEMPORARY,
    TRIGGERS,
    Found,
    NotRegular,
    Planned,
    Triggers,
    compare,
    content_of,
    folder_of,
    opened,
    service_of,
)

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_HIDDEN = "(content not shown)\n"
_STAMPS = "/var/lib/systemd/timers"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def apply_plan(module: AnsibleModule) -> None:
    """Apply the plan in the module's options, and exit with the changes."""
    found = compare(module, module.params)
    if found.obstacles:
        module.fail_json(msg="\n".join(found.obstacles))
    result: dict[str, Any] = {
        "changed": found.differs,
        "written": [each.path for each in found.changed],
        "removed": found.superfluous,
        "started": found.triggers.start,
        "stopped": found.triggers.stop,
    }
    if module._diff:
        result["diff"] = _difference(found.changed, found.before, found.superfluous, found.triggers)
    if not module.check_mode:
        for path in found.leftovers:
            with suppress(OSError), folder_of(path) as folder:
                os.unlink(os.path.basename(path), dir_fd=folder)
        _apply(module, found.changed, found.superfluous, found.triggers)
    module.exit_json(**result)


# --- changes


def _apply(module: AnsibleModule, changed: list[Planned], superfluous: list[str], triggers: Triggers) -> None:
    with _prepared(module, changed) as ready:
        if triggers.stop:
            _systemctl(module, "disable", *triggers.stop)
        if triggers.active:
            _systemctl(module, "stop", *triggers.active)
        for path, temporary in ready.items():
            try:
                with folder_of(path) as folder:
                    os.replace(temporary, os.path.basename(path), src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                module.fail_json(msg=f"{path} cannot be put in place: {error.strerror}. Run again after correcting it.")
    _remove(superfluous)
    units = any("/systemd/" in path for path in (*superfluous, *(each.path for each in changed)))
    if triggers.reload or (units and os.path.isdir(SYSTEMD)):
        # Timers follow their new schedules from now on. Active runs continue.
        _systemctl(module, "daemon-reload")
    gone = [service_of(path) for path in superfluous if path.endswith(DROP_IN)]
    if gone and os.path.isdir(SYSTEMD):
        # systemd remembers that a service failed. A later job of that name is not to blame for it.
        module.run_command(["systemctl", "reset-failed", "--", *gone])
    if triggers.start:
        _systemctl(module, "enable", "--now", *triggers.start)


def _remove(superfluous: Iterable[str]) -> None:
    for path in superfluous:
        os.unlink(path)
        if path.endswith(DROP_IN):
            with suppress(OSError):  # a folder with drop-ins of others stays
                os.rmdir(os.path.dirname(path))
        if path.endswith(".timer"):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(_STAMPS, f"stamp-{os.path.basename(path)}"))


@contextmanager
def _prepared(module: AnsibleModule, changed: Iterable[Planned]) -> Iterator[dict[str, str]]:
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
            except (OSError, KeyError, NotRegular) as error:
                module.fail_json(msg=f"{each.path} cannot be put in place: {error}. No file was changed.")
        yield ready
    finally:
        for path, temporary in ready.items():
            with suppress(OSError), folder_of(path) as folder:
                os.unlink(temporary, dir_fd=folder)


def _give(wanted: Planned, uid: int, gid: int) -> None:
    """Give a folder, or a file that keeps its content, its owner, group and mode. Create the folder if necessary."""
    name = os.path.basename(wanted.path)
    with folder_of(wanted.path) as folder:
        if wanted.is_folder:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
        with opened(wanted) as fd:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not wanted.is_folder and (status.st_nlink > 1 or not os.path.samestat(status, os.fstat(fd))):
                # Whoever owns the folder may have linked a file of root to this name, to become its owner.
                raise OSError(errno.EMLINK, "it has a second name (a hard link). Remove one of them")
            os.fchown(fd, uid, gid)
            os.fchmod(fd, wanted.mode)


def _write_beside(wanted: Planned, uid: int, gid: int, ready: dict[str, str]) -> None:
    """Write the file with its final permissions, so that others can never read it. Record it as soon as it exists."""
    above = os.path.dirname(wanted.path)
    if wanted.path.endswith(DROP_IN):
        with suppress(FileExistsError):
            os.mkdir(above, 0o755)
    with folder_of(wanted.path) as folder:
        temporary = f"{TEMPORARY}{token_hex(8)}"
        fd = os.open(temporary, _NEW, OWNER_ONLY, dir_fd=folder)
        ready[wanted.path] = temporary
        with os.fdopen(fd, "wb") as file:
            file.write(wanted.content or b"")
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), wanted.mode)
            file.flush()
            os.fsync(file.fileno())


def _systemctl(module: AnsibleModule, *arguments: str) -> None:
    status, out, error = module.run_command(["systemctl", *arguments])
    if status:
        module.fail_json(msg=f"systemctl {' '.join(arguments)} failed: {(error or out).strip()}")


# --- the diff


def _difference(
    changed: Iterable[Planned], before: Mapping[str, Found | None], superfluous: Iterable[str], triggers: Triggers
) -> list[dict[str, str]]:
    entries = []
    for each in changed:
        found = before[each.path]
        was = "" if found is None else _diff_text(found, each)
        new = Found(each.owner, each.group, each.mode, each.content)
        entries.append(_diff_entry(each.path, was, _diff_text(new, each, other=found)))
    for path in superfluous:
        secret = not path.endswith((".json", ".conf", ".service", *TRIGGERS)) and not path.startswith("/etc/cron.d/")
        entries.append(_diff_entry(path, _HIDDEN if secret else _old_text(path), ""))
    if triggers.reload:
        entries.append(_diff_entry("files that systemd uses", "outdated files\n", "current files\n"))
    lines_before = "".join(f"{name}\n" for name in triggers.stop)
    lines_after = "".join(f"{name}\n" for name in triggers.start)
    if lines_before or lines_after:
        entries.append(_diff_entry("active timers and path units", lines_before, lines_after))
    return entries


def _diff_text(state: Found, wanted: Planned, other: Found | None = None) -> str:
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
        with opened(Planned(path, "", "", 0, b"")) as fd:
            return _text(content_of(fd)) if modes.S_ISREG(os.fstat(fd).st_mode) else _HIDDEN
    except (OSError, NotRegular):
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
