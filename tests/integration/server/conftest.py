# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real drop box server on loopback, from what the role `filedrop_server` has put into a temporary folder.

The packages and systemd are left to Molecule. All else is the role: user, keys, accounts, folders, rights and forms.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.command import Host
from support.ports import free_port

PASSWORD = "a pass-word of 24 letters"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Set up
      ansible.builtin.include_role: {name: courier.filedrop.filedrop_server, tasks_from: "{{ part }}"}
      loop: [preflight, host, configure, forms]
      loop_control: {loop_var: part}
"""


class DropBox:
    """The server, its accounts, and stock clients of it."""

    def __init__(self, checkout: Path) -> None:
        # A folder that only root may write to, on the way to every file.
        self.folder = Path(tempfile.mkdtemp(prefix="filedrop-server-", dir="/var/lib"))
        self.folder.chmod(0o755)
        self.root = self.folder / "root"
        self.configuration = self.folder / "etc"
        self.logs = self.folder / "log"
        self.ports = {"sftp": free_port(), "ftps": free_port(), "ftp": free_port()}
        self.accounts: dict[str, dict[str, object]] = {}
        self.settings: dict[str, object] = {"filedrop_server_ban_seconds": 5}
        self._checkout = checkout
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "run").mkdir()
        (self.folder / "keys").mkdir(mode=0o700)
        (self.folder / "play.yml").write_text(PLAY)

    def key(self, name: str) -> str:
        """Generate a key pair, once; return the public key."""
        path = self.folder / "keys" / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path.with_suffix(".pub").read_text().strip()

    def play(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the role, as ansible-playbook does."""
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "filedrop_server_accounts": self.accounts,
            "filedrop_server_root": str(self.root),
            "filedrop_server_address": "127.0.0.1",
            "filedrop_server_host": "127.0.0.1",
            **{f"filedrop_server_{kind}port": self.ports[name] for name, kind in KINDS.items()},
            "filedrop_server_forms_dir": str(self.folder / "forms"),
            "__filedrop_server_configuration": str(self.configuration),
            "__filedrop_server_state": str(self.folder / "state"),
            "__filedrop_server_run": str(self.folder / "run"),
            "__filedrop_server_logs": str(self.logs),
            **self.settings,
        }
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "play.yml", *words]
        environment = {
            "PATH": os.environ["PATH"] + ":/usr/sbin",
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "ANSIBLE_CONFIG": str(self._checkout / "tests" / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self._checkout / "build" / "tree"),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        }
        ran = subprocess.run(
            [sys.executable, *command, "--extra-vars", json.dumps(variables)],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        print(ran.stdout, ran.stderr)  # pytest shows it for failed tests only
        return ran

    def start(self) -> None:
        configuration = str(self.configuration / "proftpd.conf")
        self._process = subprocess.Popen(
            ["/usr/sbin/proftpd", "--nodaemon", "--quiet", "--config", configuration],
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for _attempt in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.ports["sftp"]), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("proftpd did not start: " + (self.logs / "system.log").read_text())

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """Kill the server and all its sessions."""
        if self._process is not None:
            sessions = subprocess.run(
                ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False
            )
            for pid in (self._process.pid, *map(int, sessions.stdout.split())):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def slow_upload(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Let stock sftp upload 3 MB in three seconds; run the block once the upload has begun."""
        (self.folder / "slow").write_bytes(b"x" * 3_000_000)
        command = ["sftp", "-l", "8000", *self.ssh_options("amili"), "2001234@127.0.0.1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=self.folder) as client:
            if client.stdin is not None:
                client.stdin.write(f"put slow input/{name}\n".encode())
                client.stdin.close()
            self.wait_for_upload(self.root / "2001234" / "input" / name)
            yield client

    def wait_for_upload(self, path: Path) -> None:
        """Wait until a session receives a file, which has another name until it is closed."""
        for _attempt in range(1000):
            if any(path.parent.glob(f".in.*.{path.name}.")):
                return
            time.sleep(0.01)
        raise AssertionError(f"{path} does not appear")

    def ssh_options(self, key: str | None, port: str = "-P") -> list[str]:
        known = f"[127.0.0.1]:{self.ports['sftp']} {(self.configuration / 'host_ed25519.pub').read_text()}"
        (self.folder / "known_hosts").write_text(known)
        options = ["-F", "/dev/null", "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "IdentitiesOnly=yes"]
        identity = ["-i", str(self.folder / "keys" / key), "-o", "BatchMode=yes"] if key else []
        return [port, str(self.ports["sftp"]), *options, *identity]

    def sftp(
        self, lines: str, *options: str, account: str = "2001234", key: str = "amili"
    ) -> subprocess.CompletedProcess[str]:
        """Run stock sftp with a here-document, as the provider's guide does."""
        command = ["sftp", *self.ssh_options(key), *options, f"{account}@127.0.0.1"]
        return subprocess.run(command, input=lines, capture_output=True, text=True, check=False, cwd=self.folder)

    def curl(
        self, path: str, *words: str, protocol: str = "ftps", account: str = "shop"
    ) -> subprocess.CompletedProcess[str]:
        certificate = (
            ["--ssl-reqd", "--cacert", str(self.configuration / "certificate.pem")] if protocol == "ftps" else []
        )
        url = f"ftp://127.0.0.1:{self.ports[protocol]}/{path}"
        command = ["curl", "--silent", "--show-error", *certificate, "--user", f"{account}:{PASSWORD}", *words, url]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)

    def transfers(self) -> list[dict[str, str]]:
        """What the server has logged. ProFTPD does not escape names, so a line about a refused name may be no JSON."""
        found = []
        for line in (self.logs / "transfers.jsonl").read_text().splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def emptied(self, account: str) -> Path:
        """Return an account's folder `input`, without what other tests have left there."""
        folder = self.root / account / "input"
        for path in folder.iterdir():
            path.unlink()
        return folder

    def place(self, content: str, *parts: str) -> Path:
        """Put a file into an account's folder as `filedrop place` does: of another user, with the folder's group."""
        path = self.root.joinpath(*parts)
        path.write_text(content)
        path.chmod(0o640)
        shutil.chown(path, "root", path.parent.group())
        return path


KINDS = {"sftp": "", "ftps": "ftps_", "ftp": "ftp_"}


@pytest.fixture(scope="session")
def box(checkout: Path) -> Iterator[DropBox]:
    """A server with two accounts of the layout amili, two with passwords, and one of the layout billit."""
    server = DropBox(checkout)
    try:
        server.accounts = {
            "2001234": {"public_keys": [server.key("amili"), server.key("next")]},
            "2005678": {"public_keys": [server.key("other")], "quota": "1M"},
            "shop": {"password": PASSWORD, "protocols": ["sftp", "ftps", "ftp"]},
            "bare": {"password": PASSWORD, "protocols": ["sftp", "ftps", "ftp"], "temporary_names": False},
            "leaving": {"public_keys": [server.key("leaving")]},
            "billit": {
                "layout": "billit",
                "folders": {"upload": "invoices", "download": "documents", "success": "read"},
                "public_keys": [server.key("billit")],
            },
        }
        ran = server.play()
        assert ran.returncode == 0, ran.stdout + ran.stderr
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def host(tmp_path: Path, program: Path) -> Host:
    """A host whose jobs import from the server, or drop off and pick up there."""
    return Host(tmp_path, program, "/usr/bin/python3")


def client_of(box: DropBox, host: Host, kind: str, **more: object) -> Path:
    """Configure a drop-off to the server; return the folder that it fills, which is empty."""
    account: dict[str, object] = {"protocol": kind, "host": "127.0.0.1", "port": box.ports[kind], "username": "shop"}
    if kind == "sftp":
        account["host_keys"] = [(box.configuration / "host_ed25519.pub").read_text().strip()]
        account |= {"username": "2001234", "private_key_file": str(box.folder / "keys" / "amili")}
    else:
        account |= {"password": PASSWORD, "ca_file": str(box.configuration / "certificate.pem")}
    host.account("acme", {**account, **more})
    (host.config / "accounts" / "acme.json").chmod(0o600)
    host.dropoff(upload="rename")
    assert host.run("init").status == 0
    return box.emptied(str(account["username"]))
