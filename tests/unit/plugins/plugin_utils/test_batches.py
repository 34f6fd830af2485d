# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fnmatch

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._batches import InvalidChoice, chosen, require_batches

GROUPS = {"all": ["shop1", "shop2"], "shops": ["shop1", "shop2"], "retired": []}


def hosts_of(pattern: str) -> list[str]:
    """The hosts for patterns as these tests have them."""
    names = [name for each in pattern.split(",") if each[0] != "!" for name in GROUPS.get(each, [each])]
    return [host for host in GROUPS["all"] if any(fnmatch.fnmatch(host, name) for name in names)]


@pytest.mark.parametrize("serial", [1, "10", "20%", "100%", [1, "5", "100%"]])
def test_a_number_and_a_percentage_are_batches(serial: object) -> None:
    require_batches(serial)


@pytest.mark.parametrize("serial", ["abc", 0, "0", -1, "0%", "120%", "", None, [], True, 1.5, {"a": 1}, [1, "x"]])
def test_what_ansible_would_misunderstand_is_refused(serial: object) -> None:
    with pytest.raises(InvalidChoice, match=r"^filedrop_serial: .* neither a number of hosts nor a percentage"):
        require_batches(serial)


@pytest.mark.parametrize(
    "patterns", [["all"], ["shop1"], ["shop*", "!retired"], ["shops", "retired"], ["all", "!shop2"]]
)
def test_patterns_of_the_inventory_are_taken(patterns: list[str]) -> None:
    assert chosen(patterns, GROUPS, hosts_of) == ",".join(patterns)


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (["shop1", "nope"], "filedrop_hosts: 'nope' matches no host of the inventory. Correct the name."),
        (["shpo1"], "Did you mean shop1?"),
        (["all", "!shpo2"], "'shpo2' matches no host of the inventory. Correct the name. Did you mean shop2?"),
        (["retired"], "'retired' matches no host"),
    ],
)
def test_each_name_must_match(patterns: list[str], told: str) -> None:
    with pytest.raises(InvalidChoice) as refused:
        chosen(patterns, GROUPS, hosts_of)
    assert told in str(refused.value)


def test_without_an_inventory_ansible_itself_says_so() -> None:
    assert chosen(["nope"], {"all": []}, hosts_of) == "nope"
