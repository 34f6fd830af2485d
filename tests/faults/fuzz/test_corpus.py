# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inputs that fuzzing has found worth keeping, and small changes of them, without a fuzzer."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from faults.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CHANGED = 20  # changes of each input
SLOWEST = 2.0  # seconds for one input, on a machine that is busy


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_in_the_corpus_breaks_anything(target: str) -> None:
    chance = random.Random(target)
    inputs = sorted((CORPUS / target).iterdir())
    assert len(inputs) >= 10
    for path in inputs:
        data = path.read_bytes()
        for one in (data, *(_changed(data, chance) for _change in range(CHANGED))):
            began = time.monotonic()
            TARGETS[target](one)
            assert time.monotonic() - began < SLOWEST, f"{path.name}: {one!r}"


def _changed(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, one cut out, or something put in."""
    changed = bytearray(data)
    for _byte in range(chance.randint(1, 4)):
        position = chance.randrange(len(changed) + 1)
        changed[position : position + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 2))
    return bytes(changed)
