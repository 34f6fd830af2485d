# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out whether a provider lets an account in, and take the next step of its key's rotation.

A login moves no file and needs no ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import AuthenticationError, FiledropError, TrustError
from ..keys import rotation
from ..keys.rotation import NEW, STAGES, Rotation
from ..keys.spec import KeyPairSpec
from ..remote.registry import connect
from ..remote.ssh.connect import offered_host_keys
from ..remote.ssh.hostkeys import TrustedKeys
from .whole_keys import with_whole_keys

if TYPE_CHECKING:
    from ..config.accounts.account import Account

LOGINS: Mapping[str, str] = {
    "yes": "registered: the login works",
    "no": "not registered: the login is refused",
    "untrusted": "not trusted: the server shows another key or certificate than the account has",
    "unknown": "unknown: no login was possible",
    "untried": "not tried",
}
"""What is known of a login, and what it means."""


@dataclass(frozen=True)
class Login:
    """Hold the outcome of a login: one of `LOGINS`, the error, and what the session tells about the server."""

    outcome: str
    reason: str = ""
    message: str = ""
    server: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"login": self.outcome, "reason": self.reason, "message": self.message}


def log_in(account: Account) -> Login:
    """Log in and out again."""
    try:
        with closing(connect(with_whole_keys(account, None, keep=False))) as remote:
            return Login("yes", server=remote.info())
    except FiledropError as error:
        kinds = {TrustError: "untrusted", AuthenticationError: "no"}
        outcome = next((word for kind, word in kinds.items() if isinstance(error, kind)), "unknown")
        if error.reason in ("host_key_unknown", "key_missing", "key_unreadable", "key_exposed"):
            outcome = "unknown"  # nothing was compared, or nothing was sent
        return Login(outcome, error.reason, str(error))


def offered(account: Account) -> list[dict[str, Any]]:
    """Return the host keys of the account's server, each with whether the account trusts it.

    Behind a hop, and over another protocol, there are none to ask for.

    :raises FiledropError: ``host_keys`` is malformed.
    """
    if account.protocol != "sftp" or account.proxy_jump:
        return []
    trusted = TrustedKeys.parse(account.host_keys)
    try:
        keys = offered_host_keys(account.host, account.port, account.timeout)
    except FiledropError:  # the login says why
        return []
    return [
        {"type": key.type, "fingerprint": key.fingerprint, "trusted": trusted.trusts(key.type, key.blob)}
        for key in keys
    ]


@dataclass(frozen=True)
class Terms:
    """Hold when the steps of a rotation are due, in seconds, and the present time.

    :ivar grace: for how long the old key is kept.
    :ivar interval: after how long a key that came from a rotation is rotated again.
    """

    grace: int
    interval: int
    now: float


@dataclass(frozen=True)
class Taken:
    """Hold what a run has done about a key.

    :ivar step: the step that was taken, or would be in check mode: ``make``, ``switch``, ``retire`` or empty.
    :ivar login: the outcome of the login that the step depends on; None if it needs none.
    :ivar retired: the path of the retired key.
    """

    state: Rotation
    step: str = ""
    login: Login | None = None
    retired: str | None = None


def take_step(wanted: KeyPairSpec, account: Account, terms: Terms, *, check: bool, may_make: bool = True) -> Taken:
    """Take the next step of a rotation if it is due. At most one step is taken.

    The jobs get the new key only after a login with it. The old key is retired only after a login with the key in use.

    :param wanted: the key pair, at the path of the key in use.
    :param may_make: False if another host makes the new key, for all hosts.
    :raises FiledropError: a key cannot be read or written. The key in use is unchanged.
    """
    if not check:
        rotation.mend(wanted)
    state = rotation.look(wanted.path, wanted.passphrase)
    step = STAGES[state.stage].step
    if not step or state.due_at(grace=terms.grace, interval=terms.interval) > terms.now:
        return Taken(state)
    if step == "make":
        if not may_make:
            return Taken(state)
        rotation.make(wanted, check=check)
        return Taken(rotation.look(wanted.path, wanted.passphrase), step)
    path = f"{wanted.path}{NEW}" if step == "switch" else wanted.path
    login = log_in(replace(account, private_key_file=path))
    if login.outcome != "yes":
        return Taken(state, login=login)
    retired = None
    if step == "switch" and not check:
        rotation.switch(wanted)
    elif not check:
        retired = rotation.retire(wanted)
    return Taken(rotation.look(wanted.path, wanted.passphrase), step, login, retired)
