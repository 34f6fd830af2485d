# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No playbook, run with -vvv, shows a secret: in its output, a file, the ledger, a command line or an environment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest
from support.lookout import Lookout
from support.sshd import SshServer, make_key

from .conftest import Shops

if TYPE_CHECKING:
    from .conftest import Stage

PASSPHRASE = f"kq7-{token_hex(8)}"
WORDS: dict[str, tuple[str, ...]] = {
    "onboard": (),
    "rotate_keys": (),
    "dropoff": ("--diff",),
    "pickup": ("--diff",),
    "export": ("-e", "filedrop_export_job=sent"),
    "report": (),
    # These change what only a whole host has.
    "jobs": ("--check", "--diff"),
    "server": ("--check", "--diff", "-e", "filedrop_server_hosts=shop1", "--skip-tags", "filedrop_server_systemd"),
    "remove": ("--check", "--diff"),
    "quickstart": (),
}
ORDER = list(WORDS)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the jobs' user can reach. Each start of pytest closes the one above `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="filedrop-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def watched(
    shops: Shops, start_sshd: Callable[..., SshServer], tmp_path: Path, open_folder: Path
) -> tuple[str, Lookout, list[Path]]:
    """An inventory with secrets of each kind, who looks for them, and where they may be."""
    key = make_key(tmp_path / "given")
    server = start_sshd(password=True, authorized=[key.public])
    if server.password is None:
        pytest.skip("only root can make users with a password")
    common = {name: value for name, value in server.account_options().items() if name != "private_key_file"}
    for folder in (open_folder / "outbox", open_folder / "inbox"):
        folder.mkdir()
        folder.chmod(0o777)  # for the jobs' user, whose rights are looked at
    (open_folder / "outbox" / "one.xml").write_text("one")
    server.put("two.xml", b"two")
    jobs = {
        "sent": {
            "account": "by_password",
            "direction": "dropoff",
            "src": str(open_folder / "outbox"),
            "remote_dir": "input",
        },
        "fetched": {
            "account": "by_key",
            "direction": "pickup",
            "dest": str(open_folder / "inbox"),
            "remote_dir": "pickup",
        },
    }
    inventory = shops.inventory(
        "shop1",
        filedrop_accounts={
            "by_password": {**common, "password": server.password},
            "by_key": {**common, "private_key": key.path.read_text()},
            "made": {**common, "passphrase": PASSPHRASE},
        },
        filedrop_jobs={name: {**job, "settle": 0} for name, job in jobs.items()},
        filedrop_server_accounts={"partner": {"layout": "amili", "password": server.password}},
        filedrop_ledger=str(open_folder / "ledger" / "ledger.sqlite3"),
    )
    lookout = Lookout(server.password, PASSPHRASE)
    lookout.add_key(key.path)
    places = [key.path, Path(inventory), shops.hosts["shop1"].keys, tmp_path / "quickstart" / "key"]
    return inventory, lookout, places


def test_no_playbook_shows_a_secret(
    stage: Stage,
    shops: Shops,
    watched: tuple[str, Lookout, list[Path]],
    checkout: Path,
    tmp_path: Path,
    open_folder: Path,
) -> None:
    inventory, lookout, places = watched
    assert {path.stem for path in (checkout / "playbooks").glob("*.yml")} == set(WORDS)
    with lookout:
        for name in ORDER:
            inventories = () if name == "quickstart" else ("-i", inventory)
            variables = {"filedrop_quickstart_folder": str(tmp_path / "quickstart")} if name == "quickstart" else {}
            played = stage.play(f"courier.filedrop.{name}", *inventories, "-vvv", *WORDS[name], **variables)
            assert played.status == 0, name
            for made in shops.hosts["shop1"].keys.glob("made*"):
                if not made.name.endswith(".pub"):
                    lookout.add_key(made)
            lookout.look(f"the output of {name}", played.output)
    lookout.look_below(tmp_path, but=places)
    lookout.look_below(open_folder)
    assert lookout.seen == set()
    assert (open_folder / "inbox" / "two.xml").exists()
    assert (open_folder / "outbox" / "archive" / "one.xml").exists()
