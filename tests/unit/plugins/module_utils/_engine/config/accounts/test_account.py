# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    Account,
    account_from_options,
    account_name,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError

GIVEN = {"host": "sftp.example.com", "username": "2001234", "private_key_file": "/keys/one"}


def account(**options: object) -> Account:
    return account_from_options({**GIVEN, **options})


def refusal(**options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        account(**options)
    assert caught.value.way_out
    return caught.value


def test_the_defaults() -> None:
    assert account() == Account(
        name="2001234@sftp.example.com:22",
        protocol="sftp",
        host="sftp.example.com",
        port=22,
        username="2001234",
        private_key_file="/keys/one",
        timeout=30.0,
        connections=1,
    )


def test_everything_given() -> None:
    found = account(
        account="amili_test",
        protocol="sftp",
        port=2222,
        passphrase="words",
        password="word",
        host_keys=["ssh-ed25519 AAAA one", "SHA256:abc"],
        timeout=7,
        connections=16,
        max_open=8,
        after="an option of a module, which is none of an account's",
    )
    assert (found.name, found.port, found.timeout, found.connections) == ("amili_test", 2222, 7.0, 16)
    assert found.max_open == 8
    assert found.host_keys == ("ssh-ed25519 AAAA one", "SHA256:abc")
    assert (found.passphrase, found.password) == ("words", "word")


@pytest.mark.parametrize(("given", "rate"), [(None, None), ("500K", 512_000), ("2048", 2048), (4096, 4096)])
def test_a_bandwidth_limit_is_in_bytes_a_second(given: object, rate: int | None) -> None:
    assert account(bandwidth_limit=given).bandwidth_limit == rate


def test_options_that_are_none_are_not_given() -> None:
    nothing = dict.fromkeys(("account", "preset", "protocol", "port", "password", "passphrase", "host_keys", "timeout"))
    assert account(**nothing, connections=None) == account()


def test_a_preset_fills_in_and_an_explicit_option_beats_it() -> None:
    needed = {"username": "2001234", "password": "word", "preset": "amili_sftp"}
    plain = account_from_options(needed)
    assert (plain.host, plain.port, plain.preset) == ("sftp.amili.se", 22, "amili_sftp")
    other = account_from_options({**needed, "host": "127.0.0.1", "port": 2222, "protocol": None})
    assert (other.host, other.port, other.protocol) == ("127.0.0.1", 2222, "sftp")


def test_an_unknown_preset_is_refused() -> None:
    assert refusal(preset="amili").reason == "preset_unknown"


def test_secrets_stay_out_of_repr() -> None:
    found = account(password="hunter-two", passphrase="opens-it")
    assert "hunter-two" not in repr(found)
    assert "opens-it" not in repr(found)


@pytest.mark.parametrize(
    ("host", "bare", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "2001234@127.0.0.1:22"),
        ("::1", "::1", "2001234@[::1]:22"),
        ("[fe80::1]", "fe80::1", "2001234@[fe80::1]:22"),
        ("drop_box-1.example.com.", "drop_box-1.example.com.", "2001234@drop_box-1.example.com.:22"),
    ],
)
def test_hosts_are_names_or_addresses(host: str, bare: str, name: str) -> None:
    assert (account(host=host).host, account(host=host).name) == (bare, name)


@pytest.mark.parametrize(
    "host", ["sftp.example.com:22", "sftp.example.com/in", "-oProxyCommand=x", "a b", "a\n", "[a]", "é.se"]
)
def test_other_hosts_are_refused_with_their_value(host: str) -> None:
    error = refusal(host=host)
    assert f"host: {host!r} is neither a host name nor an IP address." == error.finding


@pytest.mark.parametrize("host", ["sftp://ann:hunter-two@example.com", "ann:hunter-two@example.com"])
def test_a_host_with_a_password_in_it_is_refused_unseen(host: str) -> None:
    assert "hunter-two" not in str(refusal(host=host))


@pytest.mark.parametrize("name", ["host", "username"])
@pytest.mark.parametrize("preset", [None, "amili_sftp"])
def test_what_is_needed_and_missing_is_named(name: str, preset: str | None) -> None:
    if preset and name == "host":
        assert account(host=None, preset=preset).host == "sftp.amili.se"
        return
    error = refusal(**{name: None, "preset": preset})
    assert error.reason == "option_missing"
    assert error.finding.startswith(f"{name}: this option is missing")


@pytest.mark.parametrize(
    "options",
    [
        {"port": 0},
        {"port": 65536},
        {"port": "ssh"},
        {"port": True},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": "long"},
        {"bandwidth_limit": "1000"},
        {"bandwidth_limit": "fast"},
        {"connections": 0},
        {"connections": 17},
        {"connections": 1.5},
        {"max_open": 0},
        {"max_open": "many"},
        {"protocol": "scp"},
        {"account": "My Account"},
        {"account": ""},
        {"username": "a\nb"},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused_with_name_and_value(options: dict[str, object]) -> None:
    ((name, value),) = options.items()
    error = refusal(**options)
    assert error.reason == "option_invalid"
    assert error.finding.startswith(f"{name}: {value!r} ")


@pytest.mark.parametrize(
    "options",
    [
        {"username": 2001234},
        {"username": ""},
        {"host": ""},
        {"host": ["a"]},
        {"host_keys": 7},
        {"host_keys": [7]},
        {"host_keys": [""]},
        {"private_key_file": "keys/one"},
        {"private_key_file": ""},
        {"password": ""},
    ],
    ids=str,
)
def test_values_of_another_type_are_refused_by_name(options: dict[str, object]) -> None:
    (name,) = options
    error = refusal(**options)
    assert error.reason == "option_invalid"
    assert error.finding.startswith(name)


@pytest.mark.parametrize("name", ["password", "passphrase"])
@pytest.mark.parametrize("value", [428801, "428801\0", ["428801"]])
def test_a_secret_is_never_shown(name: str, value: object) -> None:
    assert "428801" not in str(refusal(**{name: value}))


def test_there_must_be_a_key_or_a_password() -> None:
    assert "this option and password are both missing" in refusal(private_key_file=None).finding
    assert account(private_key_file=None, password="word").private_key_file is None
    assert "passphrase" in refusal(private_key_file=None, password="word", passphrase="words").finding


def test_the_key_may_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert account(private_key_file="~/.ssh/amili_sftp").private_key_file == "/home/ann/.ssh/amili_sftp"


FOLDER: dict[str, object] = {"protocol": "folder", "root": "/srv//box/"}


def test_a_folder_needs_nothing_but_its_root() -> None:
    found = account_from_options(FOLDER)
    assert (found.protocol, found.root, found.name, found.timeout) == ("folder", "/srv/box", "/srv/box", 30.0)
    assert (found.host, found.port, found.username) == ("", 0, "")
    named = account_from_options({**FOLDER, "account": "box", "timeout": 5, "bandwidth_limit": "1M"})
    assert (named.name, named.timeout, named.bandwidth_limit) == ("box", 5.0, 1024**2)
    assert account_name(FOLDER) == "/srv/box"
    assert account_name({**FOLDER, "account": "box"}) == "box"


@pytest.mark.parametrize(
    "option", ["host", "port", "username", "host_keys", "connections", "private_key_file", "passphrase", "password"]
)
def test_what_only_another_protocol_has_is_refused_by_name(option: str) -> None:
    with pytest.raises(InputError) as caught:
        account_from_options({**FOLDER, option: "x"})
    assert caught.value.reason == "option_unknown"
    assert caught.value.finding == f"{option}: unknown option for protocol folder."


def test_a_root_is_an_option_of_a_folder_only() -> None:
    with pytest.raises(InputError) as caught:
        account_from_options({**GIVEN, "root": "/srv/box"})
    assert caught.value.finding == "root: unknown option for protocol sftp."


# --- FTP

FTPS = {"protocol": "ftps", "host": "ftp.example.com", "username": "acme", "password": "word"}
PIN = "SHA256:" + "A" * 43


def test_ftps_has_its_own_defaults() -> None:
    assert account_from_options(FTPS) == Account(
        name="acme@ftp.example.com:21",
        protocol="ftps",
        host="ftp.example.com",
        port=21,
        username="acme",
        password="word",
        tls="explicit",
        tls_fingerprints=(),
        passive_host="control",
        encoding="utf-8",
    )


def test_all_options_of_ftps() -> None:
    found = account_from_options(
        FTPS
        | {
            "tls": "implicit",
            "ca_file": "/ca.pem",
            "tls_fingerprints": [PIN, PIN + "="],
            "client_certificate_file": "/client.pem",
            "client_key_file": "/client.key",
            "passive_host": "given",
            "encoding": "latin-1",
            "connections": 4,
        }
    )
    assert (found.port, found.tls, found.ca_file, found.connections) == (990, "implicit", "/ca.pem", 4)
    assert found.tls_fingerprints == (PIN, PIN)
    assert (found.client_certificate_file, found.client_key_file) == ("/client.pem", "/client.key")
    assert (found.passive_host, found.encoding) == ("given", "latin-1")


def test_ftp_needs_permission_to_send_cleartext() -> None:
    plain = {**FTPS, "protocol": "ftp"}
    for options in (plain, {**plain, "allow_cleartext": False}):
        with pytest.raises(InputError, match="allow_cleartext") as caught:
            account_from_options(options)
        assert "ftps" in caught.value.way_out
    assert account_from_options({**plain, "allow_cleartext": True}).port == 21
    assert account_name({**plain, "password": None}) == "acme@ftp.example.com:21"


@pytest.mark.parametrize(
    ("protocol", "option", "value"),
    [
        ("ftps", "private_key_file", "/key"),
        ("ftps", "host_keys", ["ssh-ed25519 AAAA"]),
        ("ftps", "max_open", 3),
        ("ftps", "root", "/srv"),
        ("ftp", "tls", "implicit"),
        ("ftp", "tls_fingerprints", [PIN]),
        ("sftp", "tls_fingerprints", [PIN]),
        ("sftp", "allow_cleartext", True),
        ("folder", "encoding", "latin-1"),
    ],
)
def test_an_option_of_another_protocol_is_refused_by_name(protocol: str, option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"^{option}: unknown option for protocol {protocol}"):
        account_from_options({"protocol": protocol, option: value})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"password": None}, "password"),
        ({"password": "two\nlines"}, "password"),
        ({"tls": "none"}, "tls"),
        ({"tls_fingerprints": ["SHA256:abc"]}, "tls_fingerprints"),
        ({"tls_fingerprints": ["AA:BB"]}, "tls_fingerprints"),
        ({"client_key_file": "/client.key"}, "client_certificate_file"),
        ({"ca_file": "ca.pem"}, "ca_file"),
        ({"passive_host": "other"}, "passive_host"),
        ({"encoding": "utf-16"}, "encoding"),
    ],
    ids=str,
)
def test_invalid_options_of_ftps_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named}:") as caught:
        account_from_options({**FTPS, **options})
    assert caught.value.way_out
    assert "two" not in str(caught.value)
