# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which certificates an account trusts. Before one is trusted, nothing is sent, the user name included."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    FiledropError,
    InputError,
    TrustError,
    UnreachableError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import connect
from support.desk import Desk, assert_delivered
from support.ftpd import Certificate, FtpServer, make_certificate
from support.lying_ftp import LyingFtp, Session

OTHER_PIN = "SHA256:" + "A" * 43


def serve(certificate: Certificate) -> LyingFtp:
    return LyingFtp(certificate=(str(certificate.path), str(certificate.key)))


def refusal(server: LyingFtp, **options: object) -> FiledropError:
    return refusal_of(server.account_options(**options))


def refusal_of(options: dict[str, object]) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        connect(account_from_options(options)).close()
    return caught.value


def pin_of(certificate: Certificate) -> str:
    with serve(certificate) as server:
        error = refusal(server)
    return str(error).partition("fingerprint ")[2].partition(")")[0]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"days": -1}, "expired"),
        ({"host": "ftp.example.net"}, "mismatch"),
        ({"own": True}, "self-signed|self signed|unable to get local issuer"),
        ({}, "unable to get local issuer"),
    ],
    ids=str,
)
def test_a_certificate_that_is_not_trusted_ends_it_before_the_user_name(
    tmp_path: Path, made: dict[str, Any], words: str
) -> None:
    certificate = make_certificate(tmp_path / "tls", **made)
    options: dict[str, object] = {"ca_file": str(certificate.ca)} if made and "own" not in made else {}
    with serve(certificate) as server:
        error = refusal(server, **options)
        assert isinstance(error, TrustError)
        assert error.reason == "certificate_untrusted"
        assert any(word in str(error).lower() for word in words.split("|"))
        assert "SHA256:" in error.finding
        assert set(server.heard) <= {"AUTH TLS"}


@pytest.mark.parametrize("made", [{}, {"days": -1}, {"host": "ftp.example.net"}, {"own": True}], ids=str)
def test_a_pin_is_enough(tmp_path: Path, made: dict[str, Any]) -> None:
    certificate = make_certificate(tmp_path / "tls", **made)
    pin = pin_of(certificate)
    with serve(certificate) as server:
        (tmp_path / "desk").mkdir()
        desk = Desk(tmp_path / "desk", server.account_options(tls_fingerprints=[OTHER_PIN, pin]))
        (desk.outbox / "a.xml").write_bytes(b"content")
        assert_delivered(desk.drop_off(), ["a.xml"])


def test_another_pin_is_not(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls")
    with serve(certificate) as server:
        error = refusal(server, tls_fingerprints=[OTHER_PIN], ca_file=str(certificate.ca))
        assert isinstance(error, TrustError)
        assert error.reason == "certificate_not_pinned"
        assert server.heard == ["AUTH TLS"]


def test_a_server_without_tls_gets_neither_user_nor_password() -> None:
    with LyingFtp() as server:
        error = refusal(server, protocol="ftps", allow_cleartext=True)
        assert isinstance(error, UnreachableError)
        assert error.reason == "tls_refused"
        assert server.heard == ["AUTH TLS"]


def test_text_before_tls_is_not_taken_for_text_within_it(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls")
    with serve(certificate) as server:
        server.hooks["AUTH"] = lambda session, _argument: session.say("234 go on\r\n331 password?")
        assert refusal(server, ca_file=str(certificate.ca)).reason == "protocol_error"


def test_tls_that_fails_says_so(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls")
    with serve(certificate) as server:
        assert server.context is not None
        server.context.verify_mode = ssl.CERT_REQUIRED
        error = refusal(server, ca_file=str(certificate.ca))
        assert error.reason in ("tls_failed", "server_busy")  # its alert may be lost with the connection
        assert set(server.heard) <= {"AUTH TLS"}


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    certificate, client = make_certificate(tmp_path / "tls"), make_certificate(tmp_path / "client")
    with serve(certificate) as server:
        assert server.context is not None
        server.context.verify_mode = ssl.CERT_REQUIRED
        server.context.load_verify_locations(client.ca)
        (tmp_path / "desk").mkdir()
        options = {"client_certificate_file": str(client.path), "client_key_file": str(client.key)}
        desk = Desk(tmp_path / "desk", server.account_options(ca_file=str(certificate.ca), **options))
        (desk.outbox / "a.xml").write_bytes(b"content")
        assert_delivered(desk.drop_off(), ["a.xml"])


def test_a_client_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    client = make_certificate(tmp_path / "client")
    client.key.chmod(0o644)
    with LyingFtp() as server:
        options = {"client_certificate_file": str(client.path), "client_key_file": str(client.key)}
        assert refusal(server, protocol="ftps", allow_cleartext=None, **options).reason == "secret_exposed"
        assert server.logins == 0


@pytest.mark.parametrize("option", ["ca_file", "client_certificate_file"])
def test_a_file_that_is_no_certificate_is_refused_by_name(tmp_path: Path, option: str) -> None:
    path = tmp_path / "no.pem"
    path.write_text("nothing")
    path.chmod(0o600)
    with LyingFtp() as server:
        error = refusal(server, protocol="ftps", **{option: str(path)})
        assert isinstance(error, InputError)
        assert option in error.finding
        assert server.logins == 0


def test_a_download_without_the_end_of_tls_is_whole_by_its_size(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "tls")
    with serve(certificate) as server:
        (tmp_path / "desk").mkdir()
        desk = Desk(tmp_path / "desk", server.account_options(ca_file=str(certificate.ca)))
        server.files["pickup/a.xml"] = b"content"
        server.hooks["RETR"] = lambda session, _path: session.send_data(b"content", ends_tls=False)
        result = desk.pick_up()
        assert_delivered(result, ["a.xml"])
        assert any("close_notify" in note for note in result.notes)


def test_another_certificate_on_a_further_connection_ends_the_run(tmp_path: Path) -> None:
    first, other = make_certificate(tmp_path / "first"), make_certificate(tmp_path / "other")
    foreign = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    foreign.load_cert_chain(str(other.path), str(other.key))

    def begin_tls(session: Session, _argument: str) -> bool:
        if session.number == 1:
            return True
        session.say("234 go on")
        session.control = foreign.wrap_socket(session.control, server_side=True)
        return False

    with serve(first) as server:
        server.hooks["AUTH"] = begin_tls
        desk = Desk(tmp_path, server.account_options(ca_file=str(first.ca), connections=3))
        for number in range(12):
            (desk.outbox / f"{number}.xml").write_bytes(b"content")
        result = desk.drop_off()
        assert isinstance(result.error, TrustError)
        assert result.error.reason == "certificate_untrusted"
        assert [line for line in server.heard if line.startswith("USER")] == ["USER acme"]


def test_a_server_that_waits_for_tls_is_told_with_the_option(tmp_path: Path) -> None:
    with FtpServer("proftpd", tls="implicit") as server:
        error = refusal_of(server.account_options(tls="explicit", timeout=1))
    assert (error.reason, "set tls to implicit" in error.way_out) == ("no_answer", True)


@pytest.mark.parametrize("is_pinned", [False, True])
@pytest.mark.parametrize("mode", ["rename", "direct", "pickup"])
def test_a_foreign_certificate_on_a_data_connection_ends_the_run(tmp_path: Path, mode: str, is_pinned: bool) -> None:
    certificate, foreign = make_certificate(tmp_path / "tls"), make_certificate(tmp_path / "foreign")
    trust: dict[str, object] = (
        {"tls_fingerprints": [pin_of(certificate)]} if is_pinned else {"ca_file": str(certificate.ca)}
    )
    with serve(certificate) as server, serve(foreign) as other:
        received: list[bytes] = []

        def take(session: Session, _path: str) -> None:
            session.say("150 go on")
            assert session.passive is not None
            assert other.context is not None
            with suppress(OSError):
                received.append(other.context.wrap_socket(session.passive.accept()[0], server_side=True).recv(10))
            session.say("226 done")

        server.hooks.update(STOR=take, RETR=take)
        desk = Desk(tmp_path, server.account_options(**trust))
        for name in ("a.xml", "b.xml"):
            (desk.outbox / name).write_bytes(b"secret")
            server.files[f"pickup/{name}"] = b"theirs"
        result = desk.run(desk.job_of(mode))
        assert result.error is not None
        assert result.error.reason == ("certificate_not_pinned" if is_pinned else "certificate_untrusted")
        assert result.counts["delivered"] == 0
        assert [one for one in received if one] == []
        assert not [note for note in result.notes if "tried again" in note]
