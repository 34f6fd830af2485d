# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.hostkeys import TrustedKeys


def blob(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def line(content: bytes) -> str:
    (length,) = struct.unpack_from(">I", content)
    return f"{content[4 : 4 + length].decode()} {base64.b64encode(content).decode()}"


def sha256(content: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


ED25519 = blob(b"ssh-ed25519", bytes(range(32)))
OTHER = blob(b"ssh-ed25519", bytes(32))
RSA = blob(b"ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 256)
ECDSA = blob(b"ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"\7" * 64)


@pytest.mark.parametrize(
    "entry",
    [
        line(ED25519),
        f"  {line(ED25519)}  a comment\n",
        f"sftp.example.com {line(ED25519)}",
        f"[sftp.example.com]:2222,192.0.2.1 {line(ED25519)} comment",
        f"|1|abc=|def= {line(ED25519)}",
        f"# sftp.example.com:22 SSH-2.0-x\n\nsftp.example.com {line(ED25519)}\n",
        sha256(ED25519),
        sha256(ED25519) + "=",
        f"256 {sha256(ED25519)} sftp.example.com (ED25519)",
    ],
)
def test_all_usual_forms_are_taken(entry: str) -> None:
    trusted = TrustedKeys.parse([entry])
    assert trusted.trusts("ssh-ed25519", ED25519)
    assert not trusted.trusts("ssh-ed25519", OTHER)
    assert not trusted.trusts("ssh-rsa", RSA)
    assert sha256(ED25519) in str(trusted)


def test_an_entry_may_hold_a_whole_known_hosts_file() -> None:
    trusted = TrustedKeys.parse([f"h {line(RSA)}\nh {line(ED25519)}\n", sha256(ECDSA)])
    assert [key.type for key in trusted.keys] == ["ssh-rsa", "ssh-ed25519"]
    assert trusted.trusts("ecdsa-sha2-nistp256", ECDSA)


def test_the_pinned_types_decide_how_a_server_should_prove_itself() -> None:
    assert TrustedKeys.parse([line(RSA), line(ED25519), line(RSA)]).algorithms() == (
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-ed25519",
    )
    assert TrustedKeys.parse([sha256(RSA)]).algorithms() == ()


def test_nothing_pinned_trusts_nothing() -> None:
    trusted = TrustedKeys.parse([])
    assert not trusted
    assert not trusted.trusts("ssh-ed25519", ED25519)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("", "it contains no key"),
        ("# only a comment", "it contains no key"),
        ("hello", "does not begin with a known key type"),
        ("ssh-ed25519", "missing after its type"),
        ("host ssh-ed25519", "missing after its type"),
        ("ssh-ed25519 not/base64!", "not base64"),
        (line(ED25519)[:-8], "cut short"),
        (line(ED25519).replace("ssh-ed25519", "ssh-rsa"), "its type is ssh-rsa, but"),
        ("ssh-dss AAAAB3NzaC1kc3MAAAA=", "type ssh-dss are not supported"),
        ("sk-ssh-ed25519@openssh.com AAAA", "not supported"),
        (f"@trusted * {line(ED25519)}", "the marker @trusted is unknown"),
        ("@revoked *", "does not begin with a known key type"),
        ("SHA256:tooshort", "43 characters"),
        ("sha256:" + "A" * 43, "does not begin with a known key type"),
        ("MD5:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", "MD5"),
        ("00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff", "MD5"),
        (line(blob(b"ssh-ed25519", bytes(31))), "not have the length of"),
        (line(blob(b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"\7" * 64)), "not supported"),
    ],
)
def test_a_malformed_entry_is_told_with_its_number_and_text(entry: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        TrustedKeys.parse([line(RSA), entry])
    assert caught.value.reason == "host_keys_malformed"
    assert caught.value.finding.startswith(f"host_keys[1] is {repr(entry)[:80]}"[:60])
    assert why in caught.value.finding
    assert "known_hosts" in caught.value.way_out


def test_a_private_key_pasted_by_mistake_is_not_shown() -> None:
    pasted = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----"
    with pytest.raises(InputError) as caught:
        TrustedKeys.parse([pasted])
    assert "private key" in caught.value.finding
    assert "b3Blbn" not in repr(caught.value)


def test_an_endless_entry_is_cut() -> None:
    with pytest.raises(InputError) as caught:
        TrustedKeys.parse(["x" * 100_000])
    assert len(str(caught.value)) < 1000


def test_a_revoked_key_is_never_trusted_whatever_else_is_pinned() -> None:
    for pin in (line(ED25519), sha256(ED25519)):
        trusted = TrustedKeys.parse([pin, f"@revoked * {line(ED25519)}", line(RSA)])
        assert not trusted.trusts("ssh-ed25519", ED25519)
        assert trusted.trusts("ssh-rsa", RSA)


def test_an_authority_is_no_key_of_the_server() -> None:
    trusted = TrustedKeys.parse([f"@cert-authority *.example.com {line(ED25519)}"])
    assert trusted
    assert not trusted.trusts("ssh-ed25519", ED25519)
    assert [key.type for key in trusted.authorities] == ["ssh-ed25519"]


HOPS = [("jump.example.com", 22), ("10.0.0.1", 2222)]


@pytest.mark.parametrize(
    ("whose", "expected"),
    [
        (("sftp.example.com", 22), {"ssh-rsa"}),
        (HOPS[0], {"ssh-ed25519"}),
        (HOPS[1], {"ecdsa-sha2-nistp256"}),
    ],
)
def test_each_hop_has_the_lines_that_name_it_and_the_server_all_others(
    whose: tuple[str, int], expected: set[str]
) -> None:
    entries = [line(RSA), f"jump.example.com {line(ED25519)}", f"[10.0.0.1]:2222 {line(ECDSA)}"]
    assert {key.type for key in TrustedKeys.parse(entries, whose, hops=HOPS).keys} == expected


def test_a_line_for_both_is_for_both() -> None:
    entries = [f"@cert-authority *.example.com {line(ED25519)}"]
    for whose in (("sftp.example.com", 22), HOPS[0]):
        assert TrustedKeys.parse(entries, whose, hops=HOPS).authorities
    assert not TrustedKeys.parse(entries, HOPS[1], hops=HOPS)
