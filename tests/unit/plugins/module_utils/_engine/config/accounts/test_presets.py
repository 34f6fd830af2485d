# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    OF_PROTOCOL,
    Account,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import (
    PRESETS,
    Preset,
    preset_named,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError


def names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_amili_is_what_its_guide_says() -> None:
    preset = preset_named("amili_sftp")
    assert preset.account == {"protocol": "sftp", "host": "sftp.amili.se", "port": 22}
    assert preset.dropoff == {"remote_dir": "input", "upload": "direct"}
    assert preset.pickup == {"remote_dir": "pickup"}


def test_billit_looks_every_half_hour() -> None:
    preset = preset_named("billit_sftp")
    assert preset.dropoff["every"] == "30m"
    assert preset.pickup == {"every": "30m"}


def test_without_a_name_there_is_an_empty_preset() -> None:
    assert preset_named(None) == Preset()


@pytest.mark.parametrize("name", ["amili", "", "AMILI_SFTP"])
def test_an_unknown_preset_is_refused_and_the_known_ones_are_listed(name: str) -> None:
    with pytest.raises(InputError) as caught:
        preset_named(name)
    assert caught.value.reason == "preset_unknown"
    assert repr(name) in caught.value.finding
    for known in PRESETS:
        assert known in caught.value.way_out


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_preset_speaks_only_of_options_that_exist(preset: Preset) -> None:
    assert PRESETS[preset.name] is preset
    assert preset.title
    assert set(preset.account) <= names(Account) | {"token_url"} - {"name", "preset", "password", "passphrase"}
    of_files = {"every", "by_hand"}
    assert set(preset.dropoff) <= names(Dropoff) - {"name", "sources"} | of_files
    assert set(preset.pickup or {}) <= names(Pickup) - {"name", "dest"} | of_files
    assert {kind for kinds in preset.never_over.values() for kind in kinds} <= set(preset.kinds)
    assert set(preset.never_over) <= set(OF_PROTOCOL)
