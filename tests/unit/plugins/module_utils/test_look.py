# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one look at a host, on this machine, with the paths of a deployment in a folder of the test."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils import _host_state, _look
from support.rights import SOMEBODY
from support.stage import InProcess, Step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

USER = pwd.getpwuid(SOMEBODY).pw_name
GROUP = next(entry.gr_name for entry in grp.getgrall() if entry.gr_gid not in (0, *os.getgrouplist(USER, SOMEBODY)))
NEWCOMER = "filedrop-of-tests"


class Site:
    """A deployment in a folder, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        for parent in folder.parents:
            if parent.stat().st_mode & 0o005 != 0o005:
                parent.chmod(parent.stat().st_mode | 0o005)
        names = ("python", "venv", "requirements", "command", "ledger", "configuration", "keys")
        self.paths = {name: str(folder / name / "x" if name == "ledger" else folder / name) for name in names}
        self.python()
        self.plan: dict[str, Any] = {
            "folders": [],
            "files": [],
            "kept": [],
            "exclusive": [],
            "triggers": {},
            "calendars": {},
            "places": [],
            "given_groups": [],
            "given_secrets": [],
            "keys": [],
            "shared_keys": [],
        }
        self.options: dict[str, Any] = {
            "entry": "main",
            "user": NEWCOMER,
            "groups": [],
            "scheduler": "cron",
            "library": "system",
            "libraries": ["paramiko"],
            "requirements": "",
            "command": "",
            "key_type": "ed25519",
            "key_comment": "a comment",
            "paths": self.paths,
            "secrets": [],
        }

    def python(self, version: tuple[int, int] = (3, 11), *, lacks: tuple[str, ...] = ()) -> None:
        answer = json.dumps({"version": version, "ensurepip": True, "lacks": lacks})
        path = Path(self.paths["python"])
        path.write_text(f"#!/bin/sh\necho '{answer}'\n")
        path.chmod(0o755)

    def looked(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**self.options, **options}
        plans = [{**self.plan, "scheduler": given["scheduler"], "keys_owner": given["user"]}]
        step = Step("__internal.look_at_host", {**given, "plans": plans}, check=check)
        return InProcess(self.folder).play(step).results[0]

    def problems(self, **options: Any) -> list[str]:
        return list(self.looked(**options)["problems"])

    def place(self, mode: int, group: str) -> str:
        path = self.folder / "outbox"
        path.mkdir()
        os.chown(path, 0, grp.getgrnam(group).gr_gid)
        path.chmod(mode)
        self.plan["places"] = [{"variable": "filedrop_jobs.a.src", "path": str(path), "write": True}]
        return str(path)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(_look, "_schedulers", lambda: {"systemd": False, "cron": True})
    return Site(tmp_path)


@pytest.mark.parametrize("user", [USER, NEWCOMER])
@pytest.mark.parametrize("check", [False, True])
def test_rights_are_judged_with_the_groups_that_the_user_is_about_to_get(site: Site, user: str, check: bool) -> None:
    path = site.place(0o770, GROUP)
    (told,) = site.problems(user=user, check=check)
    assert f"filedrop_jobs.a.src: the user {user} is not permitted to read and write in {path}" in told
    assert site.problems(user=user, groups=[GROUP], check=check) == []


def test_a_group_of_a_job_must_be_one_of_the_user(site: Site) -> None:
    site.plan["given_groups"] = [{"variable": "filedrop_jobs.a.group", "group": GROUP}]
    (told,) = site.problems()
    assert f"filedrop_jobs.a.group: the user {NEWCOMER} is not in the group {GROUP}" in told
    assert site.problems(groups=[GROUP]) == []
    site.plan["given_groups"] = [{"variable": "filedrop_jobs.a.group", "group": "no-such-group"}]
    assert "the group no-such-group is missing on this host" in site.problems()[0]


def test_what_another_task_may_create_is_a_warning_in_check_mode(site: Site) -> None:
    missing = site.folder / "missing"
    site.plan["places"] = [{"variable": "filedrop_jobs.a.src", "path": str(missing), "write": True}]
    site.plan["given_secrets"] = [{"variable": "v", "path": str(missing), "handed_over": True}]
    told = site.problems(groups=["no-such-group"])
    assert [text.split(":")[0] for text in told] == ["filedrop_groups", "filedrop_jobs.a.src", "v"]
    looked = site.looked(groups=["no-such-group"], check=True)
    assert looked["problems"] == []
    warned = json.dumps(looked["warnings"])
    assert all(text in warned for text in told)


@pytest.mark.parametrize(
    ("version", "scheduler", "told"),
    [((3, 8), "cron", "is Python 3.8. filedrop requires Python 3.9 or newer."), ((3, 11), "systemd", "by systemd")],
)
def test_only_what_is_wrong_is_named(site: Site, version: tuple[int, int], scheduler: str, told: str) -> None:
    site.python(version)
    (problem,) = site.problems(scheduler=scheduler)
    assert told in problem


def test_another_user_than_root_is_told_what_is_needed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    (told,) = site.problems()
    assert told == f"The tasks of the role run as {USER} on this host, but need root. Set become: true."


def test_a_user_who_logs_in_is_not_taken_over(site: Site) -> None:
    (login,) = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == 0][:1]
    (told,) = site.problems(user=login)
    assert f"filedrop_user: the user {login} exists on this host, and logs in" in told


def test_jobs_without_a_ledger_are_refused(site: Site) -> None:
    (Path(site.paths["configuration"]) / "jobs").mkdir(parents=True)
    (told,) = site.problems()
    assert "It records what was sent already." in told


def test_the_entry_point_for_jobs_names_all_that_is_missing(site: Site) -> None:
    site.python(lacks=("paramiko",))
    (told,) = site.problems(entry="jobs")
    assert told.startswith(
        f"Missing on this host: {site.paths['command']}, {site.paths['ledger']}, the library paramiko"
    )


@pytest.mark.parametrize("lacking", ["paramiko", "urllib3"])
def test_only_the_libraries_that_the_accounts_need_are_missed(site: Site, lacking: str) -> None:
    site.paths["python"] = str(site.folder / "other")
    other = Path(site.paths["python"])
    hidden = f"import sys; sys.modules['{lacking}'] = None"
    other.write_text(f'#!/bin/sh\nprobe="$2"; shift 2\nexec {sys.executable} -Ic "{hidden}\n$probe" "$@"\n')
    other.chmod(0o755)
    for needed in (["paramiko"], ["urllib3"], ["paramiko", "urllib3"]):
        looked = site.looked(libraries=needed)
        assert looked["seen"]["lacks"]["system"] == [name for name in needed if name == lacking]
        assert ("library" in looked["differs"]) is (lacking in needed)
        (told,) = site.problems(libraries=needed, entry="jobs")
        assert (f"the library {lacking}" in told) is (lacking in needed)


def differs(site: Site, **options: Any) -> list[str]:
    looked = site.looked(**options)
    assert looked["problems"] == []
    return list(looked["differs"])


def test_drift_of_the_command_is_seen(site: Site) -> None:
    command = Path(site.paths["command"])
    assert "command" in differs(site)
    command.write_text("program")
    command.chmod(0o755)
    digest = hashlib.sha256(b"program").hexdigest()
    assert "command" not in differs(site, command=digest)
    command.chmod(0o775)
    assert "command" in differs(site, command=digest)
    command.chmod(0o755)
    command.write_text("another")
    assert "command" in differs(site, command=digest)


def test_drift_of_a_key_pair_is_seen(site: Site) -> None:
    site.plan["keys"] = ["amili"]
    keys = Path(site.paths["keys"])
    keys.mkdir()
    key = keys / "amili"
    assert "keys" in differs(site)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", key], check=True)
    assert "keys" not in differs(site)
    assert "keys" in differs(site, key_comment="another")
    assert "keys" in differs(site, key_type="rsa")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", keys / "b"], check=True)
    (keys / "b.pub").rename(keys / "amili.pub")
    assert "keys" in differs(site)


def test_drift_of_files_is_seen_and_secrets_stay_hidden(site: Site) -> None:
    path = site.folder / "secret"
    secret = {"path": str(path), "content": "hunter2-hunter2"}
    assert "plan" in differs(site, secrets=[secret], user="daemon")
    path.write_text("hunter2-hunter2")
    path.chmod(0o600)
    shutil.chown(path, "daemon", "daemon")
    assert "plan" not in differs(site, secrets=[secret], user="daemon")
    path.write_text("other")
    assert "plan" in differs(site, secrets=[secret], user="daemon")
    path.write_text("hunter2-hunter2")
    (site.folder / ".filedrop-new-0123").write_text("left by a call that was killed")
    assert "plan" in differs(site, secrets=[secret], user="daemon")


def test_jobs_that_are_taken_off_are_named(site: Site) -> None:
    jobs = Path(site.paths["configuration"]) / "jobs"
    jobs.mkdir(parents=True)
    Path(site.paths["ledger"]).parent.mkdir()
    Path(site.paths["ledger"]).touch()
    for name in ("kept", "old", "older"):
        (jobs / f"{name}.json").touch()
    site.plan["folders"] = [{"path": str(jobs), "owner": "root", "group": "root", "mode": "0755"}]
    kept = {"path": str(jobs / "kept.json"), "owner": "root", "group": "root", "mode": "0644", "content": ""}
    site.plan["files"] = [kept]
    assert site.looked()["taken_off"] == ["old", "older"]


def test_this_python_can_be_asked(site: Site) -> None:
    site.paths["python"] = sys.executable
    python = site.looked()["seen"]["python"]
    assert python["version"] == list(sys.version_info[:2])
    assert python["lacks"] == []
    assert site.looked(libraries=["urllib3"])["seen"]["lacks"]["system"] == []


def test_what_is_in_the_place_of_a_file_is_told_beside_the_other_mistakes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_host_state, "UNITS", str(site.folder))
    masked, folder, below = (site.folder / name for name in ("filedrop@a.timer", "filedrop@.service", "keys"))
    masked.symlink_to(os.devnull)
    folder.mkdir()
    below.write_text("not a folder")
    site.plan["files"] = [
        {"path": str(path), "owner": "root", "group": "root", "mode": "0644", "content": ""}
        for path in (masked, folder, below / "a", below / "b")
    ]
    site.plan["folders"] = [{"path": str(below), "owner": "root", "group": "root", "mode": "0700"}]
    site.plan["keys"] = ["amili"]
    looked = site.looked(groups=["no-such-group"])
    assert not looked["failed"]
    assert looked["differs"] == []
    assert "filedrop_groups" in looked["problems"][0]
    assert looked["problems"][1:] == [
        f"{below}/amili cannot be read: Not a directory. Check it, and run again.",
        f"{below} exists, but is not a regular folder. Move it away.",
        f"{masked} is a link to /dev/null, so the unit is masked. Unmask it: systemctl unmask filedrop@a.timer",
        f"{folder} exists, but is not a regular file. Move it away.",
    ]


@pytest.mark.parametrize("what", ["command", "ledger"])
@pytest.mark.parametrize("kind", ["folder", "link to nothing"])
def test_what_is_in_the_place_of_the_command_or_the_ledger_is_told(site: Site, what: str, kind: str) -> None:
    path = Path(site.paths[what])
    path.parent.mkdir(exist_ok=True)
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nothing")
    assert site.problems() == [f"{path} exists, but is not a regular file. Move it away."]
    assert differs(site, entry="keys") != []
