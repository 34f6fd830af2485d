# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a deployment to a fleet takes: the role beside a playbook of stock modules that does the same.

    python tests/bench/fleet/measure.py --hosts 20 --jobs 2 --forks 10 >>results.jsonl

Simulated hosts are containers of the test image ``localhost/filedrop-debian13`` on this machine, each with a network
address, files and an SSH server of its own, and without systemd: jobs are started by cron. All of them, and Ansible,
share this machine's processors. Needs podman, the image (extensions/molecule/hosts/make-images), and an
``ansible-playbook`` that finds this collection and community.crypto.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONTAINERS = HERE.parents[2] / "extensions" / "molecule" / "hosts" / "containers.conf"
IMAGE = "localhost/filedrop-debian13"
PLAYBOOKS = {"role": "courier.filedrop.jobs", "stock": str(HERE / "stock.yml")}
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
ENTRY = (
    "groupadd erp; mkdir -p /run/sshd /srv/erp; "
    "for n in $(seq {jobs}); do mkdir -m 2770 /srv/erp/$n; chgrp erp /srv/erp/$n; done"
)


def podman(*words: str, text: str | None = None) -> str:
    environment = {**os.environ, "CONTAINERS_CONF": str(CONTAINERS)}
    command = ["podman", *words]
    return subprocess.run(
        command, check=True, env=environment, input=text, capture_output=True, text=True
    ).stdout.strip()


def _address(shown: dict[str, Any]) -> str:
    return str(*(network["IPAddress"] for network in shown["NetworkSettings"]["Networks"].values()))


@contextmanager
def fleet(count: int, jobs: int, key: Path) -> Iterator[dict[str, str]]:
    """So many hosts; their addresses by name."""
    names = [f"fleet{number:03}" for number in range(count)]
    program = f"{ENTRY.format(jobs=jobs)}; exec /usr/sbin/sshd -D"
    started: list[str] = []
    try:
        for name in names:
            podman(
                "run",
                "--detach",
                "--replace",
                f"--name={name}",
                f"--hostname={name}",
                IMAGE,
                "sh",
                "-c",
                program,
            )
            started.append(name)
            public = Path(f"{key}.pub").read_text()
            podman(
                "exec",
                "--interactive",
                name,
                "sh",
                "-c",
                "umask 077; mkdir -p ~/.ssh; cat >~/.ssh/authorized_keys",
                text=public,
            )
        shown = json.loads(podman("inspect", *names))
        yield {one["Name"]: _address(one) for one in shown}
    finally:
        for name in started:
            podman("rm", "--force", "--time=0", name)


def inventory(hosts: dict[str, str], jobs: int, key: Path) -> dict[str, Any]:
    """Half of the jobs send, half of them fetch, all with one account."""
    described = {
        f"job{number}": {
            "account": "amili",
            "direction": "dropoff" if number % 2 else "pickup",
            ("src" if number % 2 else "dest"): f"/srv/erp/{number}",
            "every": "15m",
        }
        for number in range(1, jobs + 1)
    }
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null",
        "ansible_python_interpreter": "/usr/bin/python3",
        "filedrop_groups": ["erp"],
        "filedrop_accounts": {
            "amili": {
                "preset": "amili_sftp",
                "host": "sftp.example.com",
                "username": "2001234",
                "host_keys": [HOST_KEY],
            }
        },
        "filedrop_jobs": described,
    }
    return {"all": {"hosts": {name: {"ansible_host": address} for name, address in hosts.items()}, "vars": variables}}


def play(playbook: str, inventory: Path, forks: int) -> dict[str, Any]:
    """One deployment: wall and processor seconds, and what the recap says of the hosts."""
    environment = {**os.environ, "ANSIBLE_PIPELINING": "true", "ANSIBLE_FORKS": str(forks), "ANSIBLE_NOCOLOR": "true"}
    command = ["ansible-playbook", playbook, "-i", str(inventory)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        raise SystemExit(ran.stdout + ran.stderr)
    recap = re.findall(r"^fleet\d+ +: ok=(\d+) +changed=(\d+).* skipped=(\d+)", ran.stdout, re.MULTILINE)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 1),
        "control_cpu_seconds": round(processor, 1),
        "tasks_a_host": max(int(ok) + int(skipped) for ok, _changed, skipped in recap),
        "changed": sum(int(changed) for _ok, changed, _skipped in recap),
    }


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--forks", type=int, default=10)
    parser.add_argument("--only", choices=PLAYBOOKS)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        for name in [asked.only] if asked.only else PLAYBOOKS:
            with fleet(asked.hosts, asked.jobs, key) as hosts:
                path = Path(folder, "inventory.json")
                path.write_text(json.dumps(inventory(hosts, asked.jobs, key)))
                for run in ("first", "second"):
                    load = os.getloadavg()[0]
                    found = play(PLAYBOOKS[name], path, asked.forks)
                    about = {
                        "playbook": name,
                        "hosts": asked.hosts,
                        "jobs": asked.jobs,
                        "forks": asked.forks,
                        "run": run,
                    }
                    print(json.dumps({**about, "load_before": round(load, 1), **found}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
