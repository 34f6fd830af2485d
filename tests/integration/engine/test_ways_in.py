# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to a server, over both transports: hops, certificates, agents, old algorithms, revoked keys."""

from __future__ import annotations

import functools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import connect
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import transports
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.whole_keys import with_whole_keys
from support.desk import Desk, fill, outcomes
from support.sshd import SshServer, host_key, make_key, user_key

TRANSPORTS = ("paramiko", "openssh")
BOTH = pytest.mark.parametrize("transport", TRANSPORTS)


def info(server: SshServer, **options: object) -> Any:
    """What is known of a connection that was made."""
    with closing(connect(account_from_options(server.account_options(**options)))) as remote:
        return remote.info()


def refused(server: SshServer, **options: object) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        info(server, timeout=10, **options)
    return caught.value


def desk(folder: Path, server: SshServer, **options: object) -> Desk:
    return Desk(folder, server.account_options(**options))


@BOTH
def test_files_go_out_and_come_in(tmp_path: Path, sshd: SshServer, transport: str) -> None:
    here = desk(tmp_path, sshd, transport=transport)
    sent = fill(here.outbox, 20)
    assert set(outcomes(here.drop_off()).values()) == {("delivered", "")}
    for path in sshd.input.iterdir():
        path.rename(sshd.pickup / path.name)
    assert outcomes(here.pick_up()).keys() == sent.keys()


@BOTH
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"port": 1}, "port_closed"),
        ({"host": "no-such-host.invalid"}, "host_unknown"),
        ({"username": "nobody-of-ours"}, "user_refused"),
        ({"host_keys": [host_key("rsa").public]}, ""),
        ({"host_keys": [user_key().public]}, "host_key_changed"),
        ({"host_keys": [host_key("ed25519").public, f"@revoked * {host_key('ed25519').public}"]}, "host_key_revoked"),
    ],
    ids=["port", "host", "user", "other-type", "changed", "revoked"],
)
def test_the_exact_reason_why_not(sshd: SshServer, transport: str, change: dict[str, Any], reason: str) -> None:
    if not reason:
        assert info(sshd, transport=transport, **change)["host_key"]["type"] == "ssh-rsa"
        return
    assert refused(sshd, transport=transport, **change).reason == reason


def test_ssh_reads_no_file_of_its_user(sshd: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    (tmp_path / ".ssh" / "config").write_text("Host *\n    ProxyCommand false\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert info(sshd, transport="openssh")["server_version"].startswith("SSH-2.0-OpenSSH_")


def test_nothing_secret_is_on_the_command_line_or_the_disk(sshd: SshServer, tmp_path: Path) -> None:
    with closing(connect(account_from_options(sshd.account_options(transport="openssh")))):
        children = [Path(f"/proc/{pid}") for pid in _children()]
        words = b" ".join((child / "cmdline").read_bytes() for child in children).split(b"\0")
    assert words[:2] == [b"ssh", b"-F"]
    assert set(words[3:]) == {b"-s", b"filedrop-target", b"sftp", b""}
    assert not Path(words[2].decode()).exists()


def _children() -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(os.getpid()), "-x", "ssh"], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


def test_ssh_that_dies_is_a_lost_connection_and_the_run_goes_on(tmp_path: Path, sshd: SshServer) -> None:
    here = desk(tmp_path, sshd, transport="openssh", bandwidth_limit="200K")
    fill(here.outbox, 20)

    killed: list[int] = []

    def kill() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if sum(not path.name.startswith(".") for path in sshd.input.iterdir()) >= 3:
                for pid in _children():
                    os.kill(pid, 9)
                    killed.append(pid)
                return
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    result = here.drop_off()
    thread.join()
    assert len(killed) == 1
    assert (result.error, result.counts["delivered"]) == (None, 20)
    assert any("the connection was lost once" in note for note in result.notes)


def test_a_fingerprint_is_resolved_once_and_the_ledger_keeps_the_key(tmp_path: Path, sshd: SshServer) -> None:
    fingerprint = host_key("ecdsa").fingerprint
    here = desk(tmp_path, sshd, transport="openssh", host_keys=[fingerprint])
    for _time in range(2):
        fill(here.outbox, 1)
        assert here.drop_off().error is None
        for path in sshd.input.iterdir():
            path.unlink()
    assert sshd.log.count("Accepted publickey") == 2
    assert sshd.log.count("Connection closed by") + sshd.log.count("Connection reset") >= 1
    with closing(Ledger(str(here.ledger), read_only=True)) as ledger:
        (name,) = {row.account for row in ledger.rows("", ())}
        assert ledger.host_keys(name) == [host_key("ecdsa").public]
        account = account_from_options(here.account)
        assert with_whole_keys(account, ledger, keep=False).host_keys == (fingerprint, host_key("ecdsa").public)


def test_a_key_that_somebody_put_into_the_ledger_is_not_trusted(tmp_path: Path, sshd: SshServer) -> None:
    account = account_from_options(sshd.account_options(transport="openssh", host_keys=[host_key("rsa").fingerprint]))
    with closing(Ledger(str(tmp_path / "ledger"), create=True)) as ledger:
        ledger.learn_host_key(account.name, user_key().public)
        assert user_key().public not in with_whole_keys(account, ledger, keep=False).host_keys


@pytest.mark.parametrize("secret", [{"password": "x"}, {"passphrase": "x"}])
def test_an_account_with_a_secret_is_refused_and_auto_takes_paramiko(sshd: SshServer, secret: dict[str, str]) -> None:
    error = refused(sshd, transport="openssh", **secret)
    assert error.reason == "transport_unusable"
    assert "could be made to send it to another host" in error.finding
    assert info(sshd, transport="auto", **secret)


# --- hops


@pytest.fixture
def hops() -> Iterator[list[SshServer]]:
    with (
        SshServer(config=["AllowTcpForwarding yes"], host_keys=[host_key("ecdsa")]) as first,
        SshServer(config=["AllowTcpForwarding yes"], host_keys=[host_key("rsa")]) as second,
    ):
        yield [first, second]


def through(hops: list[SshServer], server: SshServer) -> dict[str, Any]:
    lines = [f"[{hop.host}]:{hop.port} {hop.host_keys[0]}" for hop in hops]
    return {
        "proxy_jump": [f"{hop.username}@{hop.host}:{hop.port}" for hop in hops],
        "host_keys": [*lines, host_key("ed25519").public],
    }


@BOTH
def test_two_hops_in_a_row(tmp_path: Path, sshd: SshServer, hops: list[SshServer], transport: str) -> None:
    here = desk(tmp_path, sshd, transport=transport, **through(hops, sshd))
    sent = fill(here.outbox, 10)
    assert outcomes(here.drop_off()).keys() == sent.keys()
    for hop in hops:
        assert "Accepted publickey" in hop.log


@BOTH
@pytest.mark.parametrize("wrong", [0, 1])
def test_a_hop_with_another_key_ends_it_before_the_next_one_is_asked(
    sshd: SshServer, hops: list[SshServer], transport: str, wrong: int
) -> None:
    options = through(hops, sshd)
    port = hops[wrong].port
    options["host_keys"][wrong] = f"[127.0.0.1]:{port} {user_key().public}"
    error = refused(sshd, transport=transport, **options)
    assert (error.reason, f"port {port}" in error.finding) == ("host_key_changed", True)
    assert "Accepted" not in hops[wrong].log
    assert "Accepted" not in sshd.log


@BOTH
def test_a_hop_without_a_line_of_its_own_is_not_trusted(sshd: SshServer, hops: list[SshServer], transport: str) -> None:
    options = through(hops[:1], sshd)
    options["host_keys"] = [host_key(name).public for name in ("ed25519", "ecdsa", "rsa")]
    error = refused(sshd, transport=transport, **options)
    assert error.reason == "host_key_unknown"
    assert str(hops[0].port) in error.finding
    assert "Accepted" not in hops[0].log


@BOTH
def test_a_hop_that_refuses_the_user_and_one_that_does_not_forward(
    sshd: SshServer, hops: list[SshServer], transport: str
) -> None:
    options = through(hops[:1], sshd)
    hops[0].authorize([])
    error = refused(sshd, transport=transport, **options)
    assert (error.reason, f"port {hops[0].port}" in error.finding) == ("user_refused", True)
    with SshServer(config=["AllowTcpForwarding no"]) as closed:
        error = refused(sshd, transport=transport, **through([closed], sshd))
    assert error.reason == "jump_refused"


@BOTH
@pytest.mark.parametrize("at_hop", [True, False], ids=["hop", "server"])
def test_no_banner_is_taken_for_what_ssh_says(
    tmp_path: Path, start_sshd: Callable[..., SshServer], transport: str, at_hop: bool
) -> None:
    banner = tmp_path / "banner"
    banner.write_text(
        "debug1: kex: algorithm: mlkem768x25519-sha256\ndebug1: kex: host key algorithm: ssh-dss\n"
        "debug1: Server host key: ssh-dss SHA256:AAAA\nNote: you@there: Permission denied (nobody).\n"
        "Host key verification failed.\nConnection reset by you\n"
    )
    lying, honest = [f"Banner {banner}"], ["AllowTcpForwarding yes"]
    hop = start_sshd(config=[*honest, *(lying if at_hop else [])], host_keys=[host_key("rsa")])
    server = start_sshd(config=[] if at_hop else lying)
    plain = info(start_sshd(), transport=transport)
    found = info(server, transport=transport, **through([hop], server))
    assert (found["algorithms"], found["host_key"]) == (plain["algorithms"], plain["host_key"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a server that lets users in by password")
def test_a_password_is_never_sent_to_a_hop(sshd: SshServer) -> None:
    """Not even to one that would let it in."""
    with SshServer(config=["AllowTcpForwarding yes"], password=True, authorized=[]) as hop:
        with closing(connect(account_from_options(hop.account_options(private_key_file=None, password=hop.password)))):
            assert hop.log.count("Accepted password") == 1
        assert refused(sshd, password=hop.password, **through([hop], sshd)).reason == "user_refused"
        assert "Failed password" not in hop.log
        assert hop.log.count("Accepted password") == 1


# --- certificates, agents, old algorithms


def sign(ca: Path, public: Path, *words: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-s", str(ca), "-I", "a", *words, str(public)], check=True, capture_output=True)
    return public.with_name(f"{public.stem}-cert.pub")


@BOTH
@pytest.mark.parametrize("key_type", ["ed25519", "rsa", "ecdsa"])
def test_a_certificate_of_the_user(tmp_path: Path, transport: str, key_type: str) -> None:
    ca, key = make_key(tmp_path / "ca"), make_key(tmp_path / "key", key_type=key_type)
    with SshServer(config=[f"TrustedUserCAKeys {ca.path}.pub"], authorized=[]) as server:
        name = server.username
        valid = sign(ca.path, Path(f"{key.path}.pub"), "-n", name, "-V", "+1h")
        options: dict[str, Any] = {"private_key_file": str(key.path), "transport": transport}
        assert refused(server, **options).reason == "user_refused"
        assert info(server, certificate_file=str(valid), **options)
        expired = sign(ca.path, Path(f"{key.path}.pub"), "-n", name, "-V", "-2h:-1h")
        assert refused(server, certificate_file=str(expired), **options).reason == "user_refused"


def test_a_certificate_of_the_host(tmp_path: Path) -> None:
    ca, key = make_key(tmp_path / "ca"), make_key(tmp_path / "host")
    certificate = sign(ca.path, Path(f"{key.path}.pub"), "-h", "-n", "127.0.0.1", "-V", "+1h")
    with SshServer(config=[f"HostCertificate {certificate}"], host_keys=[key]) as server:
        pin = [f"@cert-authority 127.0.0.1 {ca.public}"]
        found = info(server, transport="openssh", host_keys=pin)["host_key"]
        assert found["fingerprint"] == key.fingerprint
        named = sign(ca.path, Path(f"{key.path}.pub"), "-h", "-n", "localhost", "-V", "+1h")
        assert named == certificate
        server.restart()
        pin = [f"@cert-authority [localhost]:* {ca.public}"]
        assert info(server, transport="openssh", host="LocalHost", host_keys=pin)["host_key"]["fingerprint"]
        assert refused(server, transport="openssh", host_keys=pin).reason == "host_key_unknown"  # of another name
        error = refused(server, transport="paramiko", host_keys=pin)
        assert (error.reason, "Set transport to openssh" in error.way_out) == ("host_key_unknown", True)
        other = [f"@cert-authority 127.0.0.1 {user_key().public}"]
        assert refused(server, transport="openssh", host_keys=other).reason == "host_key_unknown"


def test_a_key_in_an_agent(sshd: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(user_key().path)], check=True)
        public = tmp_path / "key.pub"
        public.write_text(user_key().public)
        public.chmod(0o600)
        assert info(sshd, transport="openssh", private_key_file=str(public))
        assert refused(sshd, transport="paramiko", private_key_file=str(public)).reason == "key_malformed"
    finally:
        agent.kill()
        agent.wait()


MODERN = int(paramiko.__version__.split(".")[0]) >= 4


@BOTH
def test_sha_1_only_by_exception(tmp_path: Path, transport: str) -> None:
    key = make_key(tmp_path / "key", key_type="rsa")
    only = [
        "PubkeyAcceptedAlgorithms ssh-rsa",
        "HostKeyAlgorithms ssh-rsa",
        "KexAlgorithms diffie-hellman-group14-sha1",
    ]
    with SshServer(config=only, authorized=[key.public], host_keys=[host_key("rsa")]) as server:
        options: dict[str, Any] = {"private_key_file": str(key.path), "transport": transport}
        assert refused(server, **options).reason in ("no_common_algorithm", "host_key_changed")
        options["legacy_algorithms"] = ["ssh-rsa", "diffie-hellman-group14-sha1"]
        if transport == "paramiko" and MODERN:
            assert refused(server, **options).reason == "no_common_algorithm"
            return
        found = info(server, **options)
        assert found["algorithms"]["kex"] == "diffie-hellman-group14-sha1"
        assert "diffie-hellman-group14-sha1" in found["weak"]


@BOTH
def test_an_exception_weakens_nothing_where_the_server_has_better(sshd: SshServer, transport: str) -> None:
    plain, allowed = (
        info(sshd, transport=transport, legacy_algorithms=names)
        for names in ([], ["ssh-rsa", "diffie-hellman-group14-sha1", "aes256-cbc", "hmac-sha1"])
    )
    assert (allowed["algorithms"], allowed["weak"]) == (plain["algorithms"], [])


def test_every_run_says_what_is_weak(tmp_path: Path, sshd: SshServer) -> None:
    here = desk(tmp_path, sshd, legacy_algorithms=["ssh-rsa", "aes256-cbc"])
    fill(here.outbox, 1)
    (note,) = here.drop_off().notes
    assert "ssh-rsa, aes256-cbc" in note


@BOTH
def test_the_way_and_its_strength_are_told(sshd: SshServer, transport: str) -> None:
    found = info(sshd, transport=transport)
    assert (found["transport"], found["weak"]) == (transport, [])
    is_post_quantum = any(name in found["algorithms"]["kex"] for name in ("sntrup", "mlkem"))
    assert found["post_quantum"] is is_post_quantum
    assert is_post_quantum or transport == "paramiko"


@pytest.mark.parametrize(("release", "transport"), [((9, 2), "openssh"), ((8, 4), "paramiko"), (None, "paramiko")])
def test_auto_decides_once_for_a_run_and_tells_what(
    sshd: SshServer, monkeypatch: pytest.MonkeyPatch, release: tuple[int, int] | None, transport: str
) -> None:
    """However many connections a run makes, ``ssh`` is asked for its release once."""
    asked: list[object] = []

    def ask() -> tuple[int, int] | None:
        asked.append(None)
        return release

    monkeypatch.setattr(transports, "_release", functools.lru_cache(maxsize=1)(ask))
    for _connection in range(3):
        assert info(sshd, transport="auto")["transport"] == transport
    assert len(asked) == 1
