# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox as OpenSSH's sftp and lftp see it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.sandbox_client import USERNAME, program

NAMES = [
    "plain.xml",
    "with space.xml",
    'quo\'te "double".xml',
    "$(touch x);&.xml",
    "grün.xml",
    "-leading.xml",
    "å" * 127,
]


def sftp(openssh: list[str], sandbox: Sandbox, *lines: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    target = f"{USERNAME}@{sandbox.host}"
    batch = "".join(f"{line}\n" for line in lines)
    done = program("sftp", *openssh, *options, "-b", "-", "-P", str(sandbox.port), target, feed=batch)
    return done.returncode, done.stdout


def quoted(path: Path | str) -> str:
    """As sftp's own command line wants it: wildcards and quotes escaped."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_sftp_logs_in_by_any_of_the_host_keys(openssh: list[str], sandbox: Sandbox, kind: str) -> None:
    status, said = sftp(openssh, sandbox, "pwd", "ls -1", options=("-o", f"HostKeyAlgorithms={kind}"))
    assert (status, said.splitlines()) == (
        0,
        ["sftp> pwd", "Remote working directory: /", "sftp> ls -1", "input", "pickup"],
    )


def test_sftp_drops_off_and_picks_up(openssh: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    content = os.urandom(1_000_000)
    for name in NAMES:
        (tmp_path / name).write_bytes(content)
    status, said = sftp(openssh, sandbox, "cd input", *(f"put {quoted(tmp_path / name)}" for name in NAMES))
    assert status == 0, said
    assert sandbox.wait()
    folders = sandbox.folders(USERNAME)
    assert {path.name: path.read_bytes() == content for path in folders.imported.iterdir()} == dict.fromkeys(
        NAMES, True
    )
    for name in NAMES:
        os.link(tmp_path / name, folders.pickup / name)
    (tmp_path / "back").mkdir()
    status, said = sftp(openssh, sandbox, "cd pickup", f"get * {quoted(tmp_path / 'back')}", "rm *")
    assert status == 0, said
    assert os.listdir(folders.pickup) == []
    back = {path.name: path.read_bytes() == content for path in (tmp_path / "back").iterdir() if path.name in NAMES}
    assert back == dict.fromkeys(NAMES, True)


def test_sftp_puts_with_times_and_renames(openssh: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content")
    os.utime(tmp_path / "a", (1_000_000_000, 1_000_000_000))
    status, said = sftp(
        openssh, sandbox, "cd input", f"put -p {quoted(tmp_path / 'a')} a.part", "ls -l", "rename a.part a"
    )
    assert status == 0, said
    assert "a.part" in said
    taken = sandbox.folders(USERNAME).imported / "a"
    assert (taken.read_text(), taken.stat().st_mtime) == ("content", 1_000_000_000)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("get input/there", "ermission denied"),
        ("put {local} pickup/new", "ermission denied"),
        ("mkdir input/folder", "ermission denied"),
        ("ln -s /etc input/link", "ermission denied"),
        ("rm input/none", "No such file"),
        ("get ../../../../etc/passwd {local}", "not found"),
        ("ls /etc", "not found"),
        ("rename pickup/there input/there2", "ermission denied"),
        ("-chmod 600 pickup/there", "ermission denied"),
    ],
)
def test_sftp_is_refused_in_words(openssh: list[str], sandbox: Sandbox, tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "local").write_text("x")
    for folder in (sandbox.folders(USERNAME).input, sandbox.folders(USERNAME).pickup):
        (folder / "there").write_text("content")
    status, said = sftp(openssh, sandbox, line.format(local=quoted(tmp_path / "local")))
    assert says in said
    assert status == (0 if line.startswith("-") else 1)


def test_ssh_gets_no_shell(openssh: list[str], sandbox: Sandbox) -> None:
    done = program("ssh", *openssh, "-p", str(sandbox.port), f"{USERNAME}@{sandbox.host}", "id")
    assert done.returncode == 255
    assert "exec request failed" in done.stdout


def test_lftp_mirrors_both_ways(openssh: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    for folder in ("out", "back"):
        (tmp_path / folder).mkdir()
    contents = {f"f {number}.xml": os.urandom(20_000) for number in range(50)}
    for name, content in contents.items():
        (tmp_path / "out" / name).write_bytes(content)
        (sandbox.folders(USERNAME).pickup / name).write_bytes(content)
    commands = [
        f"set sftp:connect-program {shlex.quote(shlex.join(['ssh', '-a', '-x', *openssh]))}",
        "set cmd:fail-exit true",
        "set net:max-retries 1",
        f"open -p {sandbox.port} -u {USERNAME}, sftp://{sandbox.host}",
        f"mirror --reverse --no-perms {shlex.quote(str(tmp_path / 'out'))} input",
        f"mirror --Remove-source-files --include=xml pickup {shlex.quote(str(tmp_path / 'back'))}",
    ]
    environment = {**os.environ, "HOME": str(tmp_path), "LFTP_HOME": str(tmp_path)}
    done = program("lftp", "--norc", "-c", "; ".join(commands), env=environment)
    assert done.returncode == 0, done.stdout
    assert sandbox.wait()
    folders = sandbox.folders(USERNAME)
    assert {path.name: path.read_bytes() for path in folders.imported.iterdir()} == contents
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir()} == contents
    assert [name for name in os.listdir(folders.pickup) if name.endswith(".xml")] == []
