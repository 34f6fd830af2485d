# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is pinned, and what changes during the life of an account, over both transports, against OpenSSH."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect
from support.desk import Desk, assert_delivered, digests, fill
from support.relay import Fault, Relay
from support.sshd import SshServer, host_key, make_key, user_key

from .test_ways_in import BOTH, info, refused, sign

START = Callable[..., SshServer]

ED25519, ECDSA, RSA = (host_key(name) for name in ("ed25519", "ecdsa", "rsa"))
OTHER = user_key()  # a key that no server shows


def hashed(folder: Path, server: SshServer, key: str) -> str:
    """A line of known_hosts whose name ssh-keygen has hashed."""
    file = folder / "known_hosts"
    file.write_text(f"[{server.host}]:{server.port} {key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    line = file.read_text().strip()
    assert line.startswith("|1|")
    return line


@BOTH
@pytest.mark.parametrize(
    ("pins", "shown"),
    [
        ([OTHER.public, ED25519.public], ED25519),  # the key that comes, beside the one that goes
        ([OTHER.public, ECDSA.fingerprint], ECDSA),
        ([RSA.public, ED25519.public], RSA),  # the first one is asked for
        ([f"[127.0.0.*]:* {ED25519.public}"], ED25519),
        ([f"sftp.example.com,[127.0.0.1]:* {RSA.public}"], RSA),
        ([f"# of 2026\n{ECDSA.public}\n\n{OTHER.public}\n"], ECDSA),
        ([RSA.public, f"@revoked * {ED25519.public}"], RSA),
        (["hashed"], ED25519),
    ],
    ids=["old-and-new", "fingerprint", "two-types", "pattern", "list", "file", "revoked", "hashed"],
)
def test_each_form_of_a_pin_is_trusted(
    tmp_path: Path, sshd: SshServer, transport: str, pins: list[str], shown: Any
) -> None:
    pins = [hashed(tmp_path, sshd, ED25519.public) if pin == "hashed" else pin for pin in pins]
    here = Desk(tmp_path, sshd.account_options(transport=transport, host_keys=pins))
    sent = fill(here.outbox, 1)
    assert_delivered(here.drop_off(), sent)
    if not any(pin.startswith("SHA256:") for pin in pins):  # without a ledger nobody has the whole key
        assert info(sshd, transport=transport, host_keys=pins)["host_key"]["fingerprint"] == shown.fingerprint


@BOTH
def test_a_server_changes_from_one_pinned_fingerprint_to_the_other(
    tmp_path: Path, start_sshd: START, transport: str
) -> None:
    """The ledger knows only the old key."""
    old, new = make_key(tmp_path / "old"), make_key(tmp_path / "new")
    here = Desk(tmp_path, {})
    for key in (old, new, new):
        server = start_sshd(host_keys=[ECDSA, key])
        pins = [old.fingerprint, new.fingerprint]
        options = server.account_options(transport=transport, host_keys=pins, account="bank")
        sent = fill(here.outbox, 1)
        assert_delivered(here.drop_off(account=options), sent)
    other = start_sshd(host_keys=[make_key(tmp_path / "other")])
    fill(here.outbox, 1)
    error = here.refusal(here.job("dropoff"), {**options, "port": other.port})
    assert error.reason == "host_key_changed"
    assert old.fingerprint in error.finding
    assert new.fingerprint in error.finding


@BOTH
def test_a_further_type_of_key_is_no_change_and_another_key_of_a_type_is(
    tmp_path: Path, start_sshd: START, transport: str
) -> None:
    server = start_sshd(host_keys=[RSA])
    options = {"transport": transport, "host_keys": [RSA.public]}
    assert info(server, **options)["host_key"]["fingerprint"] == RSA.fingerprint
    more = start_sshd(host_keys=[ED25519, ECDSA, RSA], port=0)
    assert info(more, **options)["host_key"]["fingerprint"] == RSA.fingerprint
    other = make_key(tmp_path / "other", key_type="rsa")
    changed = start_sshd(host_keys=[ED25519, ECDSA, other])
    error = refused(changed, **options)
    assert error.reason == "host_key_changed"
    assert RSA.fingerprint in error.finding
    assert other.fingerprint in error.finding
    assert "courier.filedrop.onboard" in error.way_out
    assert "Accepted" not in changed.log


@BOTH
def test_a_key_that_changes_during_a_run_ends_it(tmp_path: Path, start_sshd: START, transport: str) -> None:
    """The connection is cut, and another machine answers."""
    server = start_sshd(host_keys=[ED25519])
    impostor = start_sshd(host_keys=[make_key(tmp_path / "other")])
    here = Desk(tmp_path, server.account_options(transport=transport))
    sent = fill(here.outbox, 20, 20_000)

    def move() -> None:
        relay._to = (impostor.host, impostor.port)
        relay.cut()

    with Relay(server.port, faults=[Fault("call", "up", 200_000, then=move)]) as relay:
        error = here.refusal(here.job("dropoff"), {"port": relay.port, "account": "bank"})
    assert error.reason == "host_key_changed"
    assert "Accepted" not in impostor.log
    assert digests(impostor.input) == {}
    server.wait_idle()
    result = here.drop_off(account={"account": "bank"})
    assert result.error is None
    assert {one.outcome for one in result.outcomes} == {"delivered"}
    assert digests(server.input) == sent


@BOTH
def test_a_certificate_that_expires_during_a_run(tmp_path: Path, start_sshd: START, transport: str) -> None:
    """The connection goes on. After it is lost, the server refuses the login; with a new certificate all is sent."""
    ca, key = make_key(tmp_path / "ca"), make_key(tmp_path / "key")
    server = start_sshd(config=[f"TrustedUserCAKeys {ca.path}.pub"], authorized=[])
    ends = time.time() + 6

    def certify(until: float) -> str:
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(until))
        return str(sign(ca.path, Path(f"{key.path}.pub"), "-n", server.username, "-V", f"20200101000000Z:{end}"))

    options = {"private_key_file": str(key.path), "certificate_file": certify(ends), "transport": transport}
    here = Desk(tmp_path, server.account_options(**options))
    sent = fill(here.outbox, 20, 20_000)

    def expire() -> None:
        time.sleep(max(0.0, ends + 1 - time.time()))
        relay.cut()

    with Relay(server.port, faults=[Fault("call", "up", 200_000, then=expire)]) as relay:
        error = here.refusal(here.job("dropoff"), {"port": relay.port, "account": "bank"})
    assert error.reason == "user_refused"
    server.wait_idle()
    certify(time.time() + 3600)
    result = here.drop_off(account={"account": "bank"})
    assert result.error is None
    assert {one.outcome for one in result.outcomes} == {"delivered"}
    assert digests(server.input) == sent
    assert digests(here.outbox) == {}


@BOTH
def test_ipv6(tmp_path: Path, start_sshd: START, transport: str) -> None:
    server = start_sshd(host="::1")
    pins = [f"[::1]:{server.port} {ED25519.public}"]
    here = Desk(tmp_path, server.account_options(transport=transport, host_keys=pins))
    sent = fill(here.outbox, 3)
    assert_delivered(here.drop_off(), sent)
    assert refused(server, transport=transport, host_keys=[OTHER.public]).reason == "host_key_changed"


@BOTH
def test_ipv6_through_a_hop(tmp_path: Path, start_sshd: START, transport: str) -> None:
    hop, server = start_sshd(config=["AllowTcpForwarding yes"], host="::1"), start_sshd(host="::1")
    pins = [f"[::1]:{hop.port} {ECDSA.public}", f"[::1]:{server.port} {ED25519.public}"]
    way = [f"{hop.username}@[::1]:{hop.port}"]
    assert info(server, transport=transport, proxy_jump=way, host_keys=pins)["host_key"]["type"] == "ssh-ed25519"


@BOTH
def test_a_connection_without_traffic_is_kept_alive(
    start_sshd: START, transport: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(connect, "KEEPALIVE", 0.2)
    server = start_sshd(log_level="DEBUG1")
    here = Desk(tmp_path, server.account_options(transport=transport, timeout=3))
    names = fill(server.pickup, 1)
    assert_delivered(here.pick_up(settle=2), names)  # it waits, to see whether the files change
    assert "keepalive@" in server.log
