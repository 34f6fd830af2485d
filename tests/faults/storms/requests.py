# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A files API for storms to rage over, behind a relay. Its provider takes every file at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from support import relay
from support.files_api import Answer, FilesApi, answer, content_of, entry, files_api, settle

from ..api import store
from ..world import World
from .servers import Server, base_folder
from .weather import SILENCE, Incident, Storm

IN_REQUEST = 3  # files


class ApiServer:
    """The service. What strikes it is counted by requests: those for tokens, too."""

    has_hooks = True
    by_request = True

    def __init__(self, world: World, api: FilesApi, fault: Storm) -> None:
        self.world = world
        self._api = api
        self._fault = fault
        api.before_token = self._before_token
        api.otherwise = lambda _api, body: self._answer(body)

    @contextlib.contextmanager
    def reached(self, faults: Sequence[relay.Fault]) -> Iterator[dict[str, Any]]:
        with relay.Relay(int(self._api.url.rpartition(":")[2]), faults=faults) as way:
            url = f"http://{way.host}:{way.port}"
            yield {**FilesApi(url=url).options(), "account": "storm", "max_request_files": IN_REQUEST}

    def settle(self) -> None:
        settle(self._api.url)

    def take(self, name: str, destination: str) -> bool:
        """Nothing is left to be taken."""
        del name, destination
        return False

    def _before_token(self) -> None:
        for incident in self._fault.strikes():
            if incident.what.startswith(("cut", "kill")):
                self._fault.end(incident.what)
                raise ConnectionAbortedError

    def _answer(self, body: Mapping[str, Any]) -> Answer | None:
        for incident in self._fault.strikes():
            return _STRIKES[incident.what](self, incident, body)
        return answer(self._taken(body["files"]))

    def _taken(self, files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        for file in files:
            store(self.world.kept, file["name"], content_of(file))
        return [entry(file) for file in files]

    # --- what strikes a request

    def _end(self, incident: Incident, body: Mapping[str, Any]) -> None:
        if incident.what.endswith("after"):
            self._taken(body["files"])
        self._fault.end(incident.what)

    def _busy(self, incident: Incident, _body: Mapping[str, Any]) -> Answer:
        return (408, 429, 500, 503)[incident.salt % 4], {"headers": {"Retry-After": "0"}}

    def _expire(self, _incident: Incident, _body: Mapping[str, Any]) -> Answer:
        self._api.valid.clear()
        return 401, {"message": "expired"}

    def _refuse(self, _incident: Incident, body: Mapping[str, Any]) -> Answer:
        """One file is refused, and the others are taken."""
        first, *others = body["files"]
        self._fault.refused.add(first["name"])
        return answer([entry(first, "FAILED", "REJECTED"), *self._taken(others)], 207)

    def _garble(self, _incident: Incident, body: Mapping[str, Any]) -> Answer:
        self._taken(body["files"])
        return 200, b"<html>"

    def _short(self, _incident: Incident, body: Mapping[str, Any]) -> Answer:
        return answer(self._taken(body["files"])[1:])

    def _silence(self, _incident: Incident, body: Mapping[str, Any]) -> None:
        self._taken(body["files"])
        time.sleep(2 * SILENCE)


_Strike = Callable[[ApiServer, Incident, Mapping[str, Any]], "Answer | None"]
_STRIKES: dict[str, _Strike] = {
    **dict.fromkeys(("cut before", "cut after", "kill before", "kill after"), ApiServer._end),
    "refuse": ApiServer._busy,
    "lie": ApiServer._expire,
    "garble": ApiServer._garble,
    "short": ApiServer._short,
    "smaller": ApiServer._refuse,
    "silence": ApiServer._silence,
}


@contextlib.contextmanager
def requests(fault: Storm) -> Iterator[Server]:
    with base_folder() as base, files_api() as api:
        world = World(base / "here", base / "there", base / "kept", base / "shelf").make()
        yield ApiServer(world, api, fault)
