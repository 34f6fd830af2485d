# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._choice import choose
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

from .test_plan import AMILI, INVOICES


@pytest.mark.parametrize("option", ["include", "enabled"])
def test_a_value_that_a_host_left_empty_does_not_move_all_files(option: str) -> None:
    given = {
        "filedrop_accounts": {"amili": AMILI},
        "filedrop_jobs": {"invoices": {**INVOICES, "include": ["*.xml"], "enabled": False}},
        "filedrop_jobs_host": {"invoices": {option: None}},
        "filedrop_job": "invoices",
    }
    with pytest.raises(InvalidVariables, match=f"filedrop_jobs.invoices.{option}: the value is empty."):
        choose(Variables(given, given.__getitem__), "dropoff")
