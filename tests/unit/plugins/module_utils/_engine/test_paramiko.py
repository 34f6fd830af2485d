# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of paramiko that are not like those with which the engine is tested."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine import _paramiko
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DependencyError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect

PARTS = [
    *(("Transport", part) for part in _paramiko._PARTS_OF_TRANSPORT),
    *(("Channel", part) for part in _paramiko._PARTS_OF_CHANNEL),
]


class Without:
    """A thing that lacks a part; the part may be one of a part."""

    def __init__(self, thing: object, part: str) -> None:
        self._thing = thing
        self._name, _dot, self._rest = part.partition(".")

    def __getattr__(self, name: str) -> Any:
        if name != self._name:
            return getattr(self._thing, name)
        if self._rest:
            return Without(getattr(self._thing, name), self._rest)
        raise AttributeError(name)


@pytest.fixture(autouse=True)
def _looked_at_anew() -> Iterator[None]:
    _paramiko._missing_parts.cache_clear()
    yield
    _paramiko._missing_parts.cache_clear()


def stand_in(kind: str, part: str) -> types.SimpleNamespace:
    """A release of the future, whose transports or channels lack a part."""
    found: dict[str, Any] = {"Transport": paramiko.Transport, "Channel": paramiko.Channel, "__version__": "99.1"}
    found[kind] = lambda *arguments: Without(getattr(paramiko, kind)(*arguments), part)
    return types.SimpleNamespace(**found)


def test_the_release_of_these_tests_is_known() -> None:
    _paramiko.require()


@pytest.mark.parametrize(("kind", "part"), PARTS)
def test_a_release_without_a_part_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: str, part: str
) -> None:
    monkeypatch.setattr(_paramiko, "paramiko", stand_in(kind, part))
    with pytest.raises(DependencyError) as caught:
        connect.offered_host_keys("127.0.0.1", 1, 1.0)  # nobody listens there
    assert caught.value.reason == "paramiko_unknown"
    assert caught.value.finding.endswith(f"paramiko 99.1 of this host is unknown to filedrop: it has no {kind}.{part}.")
    assert "2.12 to 5.1" in caught.value.way_out


@pytest.mark.parametrize("kind", ["Transport", "Channel"])
def test_a_release_that_is_made_otherwise_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    found = stand_in(kind, "")

    def other(*_arguments: object) -> None:
        raise TypeError("missing 1 required argument")

    setattr(found, kind, other)
    monkeypatch.setattr(_paramiko, "paramiko", found)
    with pytest.raises(DependencyError, match="usable Transport and Channel"):
        _paramiko.require()


def test_a_release_of_the_future_with_all_its_parts_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paramiko, "paramiko", stand_in("Transport", "something_else"))
    _paramiko.require()
