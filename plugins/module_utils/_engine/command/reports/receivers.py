# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell a receiver of an event: by a program that gets the event on its standard input, or by a POST to a URL."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...local.identity import for_good
from ...local.names import shown
from ...version import VERSION

if TYPE_CHECKING:
    from ...config.jobs.watch import Receiver

PATIENCE = 20
"""Seconds for which a receiver may take to answer."""

_LONGEST_ANSWER = 300  # characters


class NotTold(Exception):
    """Report that a receiver was not reached, or has refused an event. The text says why."""


def tell(receiver: Receiver, event: Mapping[str, Any]) -> None:
    """Tell a receiver of an event. With a program and a URL, both must accept it.

    :raises NotTold: one of them did not.
    """
    body = json.dumps(event, ensure_ascii=True).encode()
    if receiver.command:
        _run(receiver.command, body)
    if receiver.webhook is not None:
        _post(receiver.webhook, body)


def _run(command: tuple[str, ...], body: bytes) -> None:
    try:
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        ended = subprocess.run(
            command, input=body, capture_output=True, timeout=PATIENCE, check=False, cwd="/", **for_good()
        )
    except subprocess.TimeoutExpired:
        raise NotTold(f"{shown(command[0])} has not ended after {PATIENCE} s") from None
    except OSError as error:
        raise NotTold(f"{shown(command[0])} cannot be started: {error.strerror}") from None
    if ended.returncode:
        said = shown((ended.stderr or ended.stdout).decode("utf-8", "replace").strip()[:_LONGEST_ANSWER])
        raise NotTold(f"{shown(command[0])} has ended with status {ended.returncode}: {said or 'it wrote nothing'}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Follow no redirect: the event goes to the host of the URL, and to no other."""


def _post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "User-Agent": f"filedrop/{VERSION}"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    opener = urllib.request.build_opener(secure, _NoRedirect)
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            answer.read(_LONGEST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or error
        code = getattr(error, "code", None)
        raise NotTold(f"the webhook answers {code} {shown(str(why))}" if code else shown(str(why))) from None
