# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key pairs as OpenSSH's own tools and server see them, and as the kernel sees them come into being."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats, pair, spec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect
from support.sshd import SshServer, make_key

PASSPHRASE = "correct horse"
KINDS = [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048)]


def ensure(path: Path, **options: Any) -> None:
    pair.ensure(spec.KeyPairSpec(str(path), **options), check=False)


def told(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip()


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_ssh_keygen_agrees(tmp_path: Path, kind: str, bits: int | None, passphrase: str | None) -> None:
    path = tmp_path / "id"
    ensure(path, type=kind, bits=bits, comment="for the bank", passphrase=passphrase)
    line = path.with_suffix(".pub").read_text().strip()
    public = formats.parse_line(*line.split()[:2])
    size, fingerprint, rest = told("ssh-keygen", "-l", "-f", str(path)).split(None, 2)
    assert (int(size), fingerprint) == (public.bits, public.fingerprint)
    assert rest == f"for the bank ({kind.upper()})"
    assert told("ssh-keygen", "-y", "-P", passphrase or "", "-f", str(path)).split()[:2] == line.split()[:2]
    if passphrase:
        wrong = subprocess.run(["ssh-keygen", "-y", "-P", "other", "-f", str(path)], capture_output=True, check=False)
        assert wrong.returncode != 0


def _as_paramiko_reads(path: Path, passphrase: str | None) -> paramiko.PKey:
    """The key as paramiko itself reads the file: the one of this environment, 2.12 to 5.1."""
    classes: dict[str, Any] = {"ssh-ed25519": paramiko.Ed25519Key, "ssh-rsa": paramiko.RSAKey}
    kind = path.with_suffix(".pub").read_text().split()[0]
    return classes.get(kind, paramiko.ECDSAKey).from_private_key_file(str(path), passphrase)


@pytest.mark.parametrize("passphrase", [None, "a passphrase of more than 72 bytes: " + "æøå" * 20])
@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_every_tool_reads_the_files(tmp_path: Path, kind: str, bits: int | None, passphrase: str | None) -> None:
    """Made, and again after its comment was changed in place."""
    path = tmp_path / "id"
    for text in ("before", "for the bank æøå"):
        ensure(path, type=kind, bits=bits, comment=text, passphrase=passphrase)
    line = path.with_suffix(".pub").read_text()
    public = formats.parse_line(*line.split()[:2])
    assert told("ssh-keygen", "-y", "-P", passphrase or "", "-f", str(path)) == line.strip()
    assert told("ssh-keygen", "-lf", str(path.with_suffix(".pub"))).split()[1] == public.fingerprint
    assert _as_paramiko_reads(path, passphrase).asbytes() == public.blob
    changed = ["-P", passphrase or "", "-c", "-C", "by ssh-keygen"]
    told("ssh-keygen", *changed, "-f", str(path))
    assert path.with_suffix(".pub").read_text().endswith(" by ssh-keygen\n")
    assert not pair.ensure(
        spec.KeyPairSpec(str(path), type=kind, bits=bits, comment="by ssh-keygen", passphrase=passphrase), check=True
    ).plan.changed


@pytest.mark.parametrize(
    ("kind", "style", "passphrase"),
    [
        ("ed25519", "RFC4716", ""),
        ("ed25519", "RFC4716", PASSPHRASE),
        ("ecdsa", "RFC4716", PASSPHRASE),
        ("ecdsa", "PEM", ""),
        ("ecdsa", "PKCS8", PASSPHRASE),
        ("rsa", "RFC4716", ""),
        ("rsa", "PEM", PASSPHRASE),
        ("rsa", "PKCS8", ""),
    ],
)
def test_a_pair_of_ssh_keygen_is_kept(tmp_path: Path, kind: str, passphrase: str, style: str) -> None:
    path = tmp_path / "id"
    size = ["-b", "2048"] if kind == "rsa" else []
    told("ssh-keygen", "-q", "-t", kind, *size, "-m", style, "-N", passphrase, "-C", "a comment", "-f", str(path))
    want = spec.KeyPairSpec(str(path), type=kind, passphrase=passphrase or None)
    assert not pair.ensure(want, check=True).plan.changed
    key = formats.load_private_key(str(path), passphrase or None)
    assert formats.fingerprint(key.asbytes()) == told("ssh-keygen", "-l", "-f", str(path)).split()[1]


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_the_pair_opens_the_door(
    start_sshd: Callable[..., SshServer], tmp_path: Path, kind: str, bits: int | None
) -> None:
    path = tmp_path / "id"
    ensure(path, type=kind, bits=bits, passphrase=PASSPHRASE)
    server = start_sshd(authorized=[path.with_suffix(".pub").read_text().strip()])
    options = server.account_options(private_key_file=str(path), passphrase=PASSPHRASE)
    connect.open_transport(account_from_options(options)).close()
    assert f"Accepted publickey for {server.username}" in server.log


def test_a_fingerprint_is_the_same_in_all_hands(tmp_path: Path) -> None:
    made = make_key(tmp_path / "id", key_type="ecdsa")
    assert formats.parse_line(*made.public.split()).fingerprint == made.fingerprint


def test_the_private_key_is_private_from_its_first_instant(tmp_path: Path, import_path: Path) -> None:
    """Every file that the process creates or changes in the folder, as the kernel is asked for it."""
    strace = shutil.which("strace")
    assert strace, "no strace here: install the package strace"
    path, trace = tmp_path / "keys" / "id", tmp_path / "trace"
    code = (
        f"import sys; sys.path.insert(0, {str(import_path)!r})\n"
        f"from {pair.__name__} import ensure\n"
        f"from {spec.__name__} import KeyPairSpec\n"
        "for regenerate in ('fail', 'always'):\n"
        f"    want = KeyPairSpec({str(path)!r}, passphrase='correct horse', regenerate=regenerate)\n"
        "    ensure(want, check=False)\n"
    )
    calls = "trace=?open,openat,?creat,?chmod,fchmod,fchmodat,?fchmodat2,?mkdir,mkdirat"
    subprocess.run([strace, "-f", "-e", calls, "-o", str(trace), sys.executable, "-c", code], check=True, timeout=120)
    lines = trace.read_text().splitlines()
    created = [line for line in lines if "O_CREAT" in line and '".filedrop-key-' in line]
    assert [re.search(r"O_CREAT\|O_EXCL\|O_CLOEXEC, (\d+)\)", line)[1] for line in created] == ["0600", "0644"] * 2  # type: ignore[index]
    # What Python keeps of its own compiled files goes its own ways.
    changed = [line for line in lines if "chmod" in line and "__pycache__" not in line]
    assert [re.search(r", (\d+)\)", line)[1] for line in changed] == ["0600", "0644"] * 2  # type: ignore[index]
    assert [line for line in lines if f'"{path.parent.name}", 0700' in line]
