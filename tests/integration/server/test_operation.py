# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server in operation: many clients, quotas, reloads, accounts that change, and bans."""

from __future__ import annotations

import subprocess

import pytest

from .conftest import PASSWORD, DropBox


def test_a_second_run_changes_nothing_and_drift_is_shown_without_passwords(box: DropBox) -> None:
    assert "changed=0 " in box.play("--diff").stdout
    path = box.configuration / "keys" / "2005678"
    registered = path.read_text()
    path.write_text("")
    box.accounts["shop"]["password"] = "another pass-word"
    try:
        other = box.play("--check", "--diff", "-vv")
    finally:
        box.accounts["shop"]["password"] = PASSWORD
        path.write_text(registered)
    assert "changed=1 " in other.stdout
    assert "+" + registered.splitlines()[1] in other.stdout
    for secret in ("another pass-word", PASSWORD, "$6$"):
        assert secret not in other.stdout


def test_either_key_of_an_account_logs_in(box: DropBox) -> None:
    assert "Remote working directory: /" in box.sftp("pwd\n", key="next").stdout
    assert "Remote working directory: /" not in box.sftp("pwd\n", key="other").stdout


def test_200_clients_at_once(box: DropBox) -> None:
    (box.folder / "many").write_text("content")
    command = ["sftp", *box.ssh_options("amili"), "2001234@127.0.0.1"]
    clients = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=box.folder
        )
        for _number in range(200)
    ]
    for number, client in enumerate(clients):
        assert client.stdin is not None
        client.stdin.write(f"put many input/many-{number}\n".encode())
        client.stdin.flush()  # and stay
    outputs = [client.communicate()[0] for client in clients]
    assert len(list((box.root / "2001234" / "input").glob("many-*"))) == 200, outputs


def test_a_quota_refuses_what_is_too_much_and_leaves_no_part(box: DropBox) -> None:
    (box.folder / "big").write_bytes(b"x" * 3_000_000)
    (box.folder / "small").write_bytes(b"x" * 1000)
    ran = box.sftp("put big input/big\nput small input/small\n", account="2005678", key="other")
    assert [path.name for path in (box.root / "2005678" / "input").iterdir()] == ["small"], ran.stderr


def test_a_reload_ends_no_transfer(box: DropBox) -> None:
    with box.slow_upload("slow") as client:
        box.reload()
        assert client.wait() == 0
    assert (box.root / "2001234" / "input" / "slow").stat().st_size == 3_000_000
    assert "Remote working directory" in box.sftp("pwd\n").stdout


def test_an_account_that_is_taken_out_cannot_log_in_and_its_files_stay(box: DropBox) -> None:
    assert "Remote working directory" in box.sftp("pwd\n", account="leaving", key="leaving").stdout
    box.place("invoice", "leaving", "input", "stays.xml")
    del box.accounts["leaving"]
    box.play()
    box.reload()
    assert "Remote working directory" not in box.sftp("pwd\n", account="leaving", key="leaving").stdout
    assert (box.root / "leaving" / "input" / "stays.xml").read_text() == "invoice"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"public_key": "x"}, "2009999.public_key: unknown option. The options are layout, public_keys"),
        ({}, "neither public_keys nor password"),
        ({"public_keys": ["ssh-dss AAAA"]}, "public_keys: item 1 is not a public key"),
        ({"public_keys": "ssh-ed25519 AAAA"}, "public_keys: found"),
        ({"password": "short"}, "at least 8 characters"),
        ({"password": "long enough", "layout": "other"}, "layout: invalid value"),
        ({"password": "long enough", "layout": "billit"}, "requires the names of the folders"),
        ({"layout": "billit", "folders": {"upload": "a/b", "download": "c"}}, "invalid name"),
        ({"password": "long enough", "protocols": ["scp"]}, "protocols: invalid value"),
        ({"password": "long enough", "quota": "lots"}, "quota: invalid value"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_before_anything_changes(box: DropBox, options: dict[str, object], words: str) -> None:
    box.accounts["2009999"] = options
    try:
        ran = box.play()
    finally:
        del box.accounts["2009999"]
    assert ran.returncode == 2
    assert words in ran.stdout + ran.stderr
    assert not (box.root / "2009999").exists()


def test_the_form_tells_a_partner_what_his_client_will_show(box: DropBox) -> None:
    """The fingerprint is the one that OpenSSH shows, and no secret is in the form."""
    form = (box.folder / "forms" / "shop.txt").read_text()
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(box.configuration / "host_ed25519.pub")], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] in form
    for port in box.ports.values():
        assert f"Port        {port}" in form
    assert "input/" in form
    assert PASSWORD not in form
    assert box.key("next") in (box.folder / "forms" / "2001234.txt").read_text()
