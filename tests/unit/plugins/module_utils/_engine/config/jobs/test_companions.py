# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import Preset
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.companions import (
    Companion,
    companions_from_options,
    place_of,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError

PAIR = ["*.pdf", "*.xml"]


@pytest.mark.parametrize(
    ("patterns", "name", "place"),
    [
        (PAIR, "invoice-1.pdf", ("invoice-1", 0)),
        (PAIR, "invoice-1.xml", ("invoice-1", 1)),
        (PAIR, "invoice-1.csv", None),
        (PAIR, "invoice-1.PDF", None),
        (PAIR, ".pdf", ("", 0)),
        (["*.zip", "*.coda.zip"], "a.coda.zip", ("a", 1)),
        (["*.zip", "*.coda.zip"], "a.zip", ("a", 0)),
        (["*", "*.sig"], "a.csv", ("a.csv", 0)),
        (["*", "*.sig"], "a.csv.sig", ("a.csv", 1)),
        (["invoice-*", "*.sig"], "invoice-1", ("invoice-1", 0)),
        (["*.[Pp][Dd][Ff]", "*.xml"], "a.PdF", ("a", 0)),
        (["*-page-?.png", "*.xml"], "a-page-2.png", ("a", 0)),
        (["*.[!x]ml", "*.xml"], "a.yml", ("a", 0)),
        (["*[]].a", "*.b"], "x].a", ("x", 0)),
        (["*[.a", "*.b"], "x[.a", ("x", 0)),
        (["invoice-??.pdf", "invoice-??.xml"], "invoice-07.xml", ("invoice-07", 1)),
        (["invoice-[0-9].pdf", "invoice-[0-9].xml"], "invoice-7.pdf", ("invoice-7", 0)),
    ],
)
def test_the_stem_is_what_the_end_of_the_pattern_leaves(
    patterns: list[str], name: str, place: tuple[str, int] | None
) -> None:
    assert place_of(name, [Companion(pattern) for pattern in patterns]) == place


def test_an_entry_is_a_pattern_or_a_dictionary() -> None:
    given = ["*.pdf", {"pattern": "*.xml"}, {"pattern": "*.zip", "optional": True, "after_taken": True}]
    assert companions_from_options({"companions": given}) == (
        Companion("*.pdf"),
        Companion("*.xml"),
        Companion("*.zip", optional=True, after_taken=True),
    )
    assert companions_from_options({}) == companions_from_options({"companions": []}) == ()


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ("*.pdf", "companions: '*.pdf' is not a list"),
        (["*.pdf"], "companions: '*.pdf' is the only pattern"),
        (["*.pdf", "*.pdf"], "companions: '*.pdf' is there twice"),
        (["*.pdf", "ready"], "companions, entry 2: 'ready' has no *"),
        (["*.pdf", 3], "companions, entry 2: 3 is neither a pattern nor a dictionary"),
        (["*.pdf", ""], "companions, entry 2, pattern: the value is empty"),
        (["*.pdf", "x/*.xml"], "companions, entry 2: 'x/*.xml' contains a /"),
        (["*.pdf", {"optional": True}], "companions, entry 2: pattern is missing"),
        (["*.pdf", {"pattern": "*.xml", "optinal": True}], "companions, entry 2: 'optinal' is an unknown option"),
        (["*.pdf", {"pattern": "*.xml", "optional": "yes"}], "companions, entry 2, optional: 'yes' is neither"),
        ([{"pattern": "*.pdf", "after_taken": True}, "*.xml"], "companions, entry 1: '*.pdf' is the first pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused(value: object, finding: str) -> None:
    with pytest.raises(InputError) as caught:
        companions_from_options({"companions": value})
    assert caught.value.finding.startswith(finding)
    assert caught.value.way_out


def test_after_taken_needs_a_look_at_the_server_of_somebody_else() -> None:
    companions = ["*.xml", {"pattern": "*.zip", "after_taken": True}]
    with pytest.raises(InputError, match="verify=close does not look"):
        dropoff_from_options({"src": "/out", "remote_dir": "in", "verify": "close", "companions": companions}, Preset())
    with pytest.raises(InputError, match="is for drop-offs"):
        pickup_from_options({"dest": "/in", "remote_dir": "out", "companions": companions}, Preset())
