# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get a token by ``client_credentials``, and keep it until shortly before it expires.

The token is kept in `Account.token_file`, which only its user can read. A file that anybody else can read or write, or
that belongs to another user or another secret, is ignored. How long a token is valid counts from our own clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat as modes
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from ...errors import AuthenticationError, FiledropError, ProtocolError, ServerBusy, UnreachableError
from .words import BUSY, Words

if TYPE_CHECKING:
    from ...config.accounts.account import Account
    from .https import HttpsClient

LARGEST_TOKEN_ANSWER = 256 * 1024  # bytes
LONGEST_VALID = 24 * 3600.0  # seconds: no token is kept longer, whatever the service says
UNKNOWN_VALID = 60.0  # seconds, where the service does not say how long a token is valid
MARGIN = 60.0  # seconds before its end at which a token is not used any more, or a tenth of its time if that is less

_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")


class Token(NamedTuple):
    """A token, and from when until when it is valid, in seconds since 1970."""

    value: str
    made_at: float
    expires_at: float

    @property
    def is_usable(self) -> bool:
        """Return whether it is still valid for a while."""
        margin = min(MARGIN, (self.expires_at - self.made_at) / 10)
        return self.made_at <= time.time() < self.expires_at - margin


class Tokens:
    """The token of an account, for all threads of a session.

    :ivar latest: the token that was used last; None if there was none.
    :ivar is_given_up: a token was refused right after it had replaced a refused one.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._renewed: set[str] = set()  # tokens that replaced a refused one, and have not been accepted yet
        self._got: set[str] = set()  # tokens of this session
        self.latest: Token | None = None
        self.is_given_up = False

    def usable(self, client: HttpsClient, *, instead_of: str | None = None) -> Token:
        """Return a token that can be used; get one if necessary.

        :param instead_of: a token that the service has refused. It is never returned again.
        :raises FiledropError: the service gives no token.
        """
        with self._lock:
            if self.latest is None:
                self.latest = self._read()
            if self.latest is None or not self.latest.is_usable or self.latest.value == instead_of:
                self.latest = None
                self.latest = self._get(client)
                self._got.add(self.latest.value)
                self._write(self.latest)
            return self.latest

    def renew(self, client: HttpsClient, refused: str) -> None:
        """Replace a token that the service has refused with status 401, unless it is a replacement itself."""
        if refused in self._renewed:
            self.is_given_up = True
        else:
            self._renewed.add(self.usable(client, instead_of=refused).value)

    def doubt(self, token: str) -> None:
        """Forget a token of an earlier run: a service may have cut a request because of it, instead of answering."""
        with self._lock:
            if token not in self._got and self._account.token_file is not None:
                with suppress(OSError):
                    os.unlink(self._account.token_file)

    def accepted(self, token: str) -> None:
        """Note that the service has accepted a token."""
        self._renewed.discard(token)

    def _get(self, client: HttpsClient) -> Token:
        api, secret = self._account.api, self._account.client_secret or ""
        form = {"grant_type": "client_credentials", "client_id": api.client_id, "client_secret": secret}
        asked_at = time.time()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = client.send("POST", api.token_url, headers, urlencode(form).encode(), largest=LARGEST_TOKEN_ANSWER)
        if answer.status != 200 or answer.body is None:
            raise self._refused(answer.status, answer.body)
        found = _object(answer.body)
        value = found.get("access_token")
        if not isinstance(value, str) or not _TOKEN.fullmatch(value):
            raise ProtocolError("token_malformed", f"The answer of {api.token_url} has no usable access_token.")
        return Token(value, asked_at, asked_at + min(_seconds(found.get("expires_in")), LONGEST_VALID))

    def _refused(self, status: int, body: bytes | None) -> FiledropError:
        url = self._account.api.token_url
        words = Words(self._account).of_body(body)
        finding = f"{url} gave no token. It answered with status {status}{words}."
        if status in BUSY or status >= 500:
            return ServerBusy("server_busy", finding, "Try again later. If it persists, ask the provider.")
        if status in (400, 401, 403):
            way_out = "Check client_id and client_secret. If they are right, ask the provider whether they are active."
            return AuthenticationError("login_refused", finding, way_out)
        if status == 200:
            return ProtocolError("token_malformed", f"The answer of {url} was cut off, or is too large.")
        if 300 <= status < 400:
            way_out = "Redirects are not followed, as they could lead to another host. Correct token_url."
            return UnreachableError("redirected", finding, way_out)
        return UnreachableError("service_refused", finding, "Check token_url.")

    # --- the file

    @property
    def _owner(self) -> str:
        """Return what the token was given for. A token of another client or secret is not used."""
        api = self._account.api
        given = "\0".join((api.token_url, api.client_id, self._account.client_secret or ""))
        return hashlib.sha256(given.encode()).hexdigest()

    def _read(self) -> Token | None:
        if self._account.token_file is None:
            return None
        with suppress(OSError, ValueError, TypeError, KeyError):
            descriptor = os.open(self._account.token_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                mode = modes.S_IMODE(status.st_mode)
                if not modes.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or mode & 0o077:
                    return None
                found = _object(file.read(LARGEST_TOKEN_ANSWER))
            token = Token(str(found["token"]), float(found["made_at"]), float(found["expires_at"]))
            if found["owner"] == self._owner and _TOKEN.fullmatch(token.value):
                return token if token.expires_at - token.made_at <= LONGEST_VALID else None
        return None

    def _write(self, token: Token) -> None:
        """Keep a token. Where that is not possible, each run gets its own."""
        path = self._account.token_file
        if path is None:
            return
        content = json.dumps({"owner": self._owner, "token": token.value, **_times(token)}).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        part = f"{path}.new"
        with suppress(OSError):
            with suppress(FileNotFoundError):
                os.unlink(part)  # of a run that was killed
            with open(os.open(part, flags, 0o600), "wb") as file:
                file.write(content)
            os.replace(part, path)


def _times(token: Token) -> dict[str, float]:
    return {"made_at": token.made_at, "expires_at": token.expires_at}


def _object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; an empty one if it is something else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(given: object) -> float:
    """Read ``expires_in``: a number, or text with one."""
    try:
        found = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN_VALID
    return found if 0 < found < float("inf") else UNKNOWN_VALID
