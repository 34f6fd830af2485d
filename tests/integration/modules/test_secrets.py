# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No module in a play with -vvv shows a secret: not in output, a file, the ledger, a command line or an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote_plus

import pytest
from support.files_api import SECRET, FilesApi, files_api
from support.lookout import Lookout
from support.sshd import SshServer, make_key
from support.stage import Stage, Step

PASSPHRASE, WRONG, TOKEN = (f"kq7-{token_hex(8)}" for _each in range(3))


@pytest.fixture
def api() -> Iterator[FilesApi]:
    """A files API that repeats what it should not."""
    said = f"{SECRET} {quote_plus(SECRET)}"
    with files_api() as found:
        found.begin_of_token = TOKEN
        found.scripts = [lambda api, _body: (422, {"message": f"{said} {TOKEN}{api.tokens}"})]
        found.pages = {"/verify": (401, {"message": said}), "/health": (503, {"message": said})}
        yield found


def by_requests(folder: Path, api: FilesApi) -> list[Step]:
    """The modules with an account of a files API."""
    account = {**api.options(), "ledger": str(folder / "ledger" / "ledger.sqlite3"), "account": "api"}
    job = {"src": str(folder / "outbox"), "settle": 0, "file_types": {"*": "Doc"}, "after": "keep"}
    dropoff = {**account, **job}
    return [Step("connection_info", account), Step("dropoff", dropoff, check=True), Step("dropoff", dropoff)]


def steps(folder: Path, private: Path, server: SshServer) -> list[Step]:
    """Each module with a secret that fits, and those that log in with one that does not, too."""
    by_key = server.account_options(private_key_file=str(private), passphrase=PASSPHRASE)
    by_password = {**server.account_options(password=server.password), "private_key_file": None}
    ledger = {"ledger": str(folder / "ledger" / "ledger.sqlite3"), "account": "acme"}
    dropoff = {"src": str(folder / "outbox"), "remote_dir": "input", "settle": 0, **ledger}
    pickup = {"dest": str(folder / "inbox"), "remote_dir": "pickup", "settle": 0, **ledger}
    resolve = {"account": "acme", "name": "one.xml", "direction": "dropoff", "decision": "resend"}
    found = [
        Step("keypair", {"path": str(folder / "made"), "passphrase": PASSPHRASE}, diff=True),
        Step("keypair", {"path": str(private), "passphrase": WRONG}, diff=True),
        Step("sandbox", {"path": str(folder / "sandbox"), "accounts": [{"username": "ann", "password": PASSPHRASE}]}),
        Step("sandbox", {"path": str(folder / "sandbox"), "state": "stopped"}),
        Step("ledger_info", {"ledger": ledger["ledger"]}),
        Step("resolve", {**resolve, "ledger": ledger["ledger"]}),
        Step("host_keys_info", by_key),
        Step("place", {"src": "/etc/hostname", "root": str(folder), "folder": "inbox", **ledger}),
    ]
    accounts = (by_key, by_password, {**by_key, "passphrase": WRONG}, {**by_password, "password": WRONG})
    for account in accounts:
        found.append(Step("connection_info", {**account, "account": "acme"}))
        found.append(Step("files_info", {**account, "account": "acme", "remote_dir": "pickup"}))
        found.append(Step("dropoff", {**account, **dropoff}, diff=True))
        found.append(Step("pickup", {**account, **pickup}, diff=True))
    return found


def test_no_module_shows_a_secret(
    stage: Stage, start_sshd: Callable[..., SshServer], api: FilesApi, checkout: Path, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "locked", passphrase=PASSPHRASE)
    server = start_sshd(password=True, authorized=[key.public])
    if server.password is None:
        pytest.skip("only root can make users with a password")
    for name in ("outbox", "inbox"):
        (tmp_path / name).mkdir()
    (tmp_path / "outbox" / "one.xml").write_text("one")
    all_steps = [*by_requests(tmp_path, api), *steps(tmp_path, key.path, server)]
    modules = {path.stem for path in (checkout / "plugins" / "modules").glob("*.py")}
    assert {step.module for step in all_steps} == modules
    lookout = Lookout(server.password, PASSPHRASE, WRONG, SECRET, quote_plus(SECRET), TOKEN)
    lookout.add_key(key.path)
    with lookout:
        played = stage.play(*all_steps)
    lookout.look("the output", played.output)
    # The play itself, and the results that the stage keeps, are the test's own.
    (kept,) = (tmp_path / "ledger").glob("*.token-*")
    lookout.look_below(tmp_path, but=[key.path, tmp_path / "play.json", tmp_path / "made", kept])
    assert lookout.seen == set()
    assert api.requests == [["one.xml"]]
    assert played.results[2]["files"][0]["reason"] == "rejected"
    right, wrong = played.results[-16:-8], played.results[-8:]
    assert not any(result["failed"] for result in right)
    assert [result["failed"] for result in wrong[::4]] == [True, True]
