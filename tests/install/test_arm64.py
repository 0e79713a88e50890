"""The same program on 64-bit ARM: what a Raspberry Pi would install and read, run by qemu on this machine.

    sudo apt install systemd-container debootstrap qemu-user-static binfmt-support
    sudo SHEETWATCH_EMULATE=arm64 python -m pytest -s tests/install/test_arm64.py                           # Debian 12
    sudo SHEETWATCH_EMULATE=arm64 SHEETWATCH_SUITE=trixie python -m pytest -s tests/install/test_arm64.py   # Debian 13

Debian 12 is what Raspberry Pi OS bookworm is made of (Python 3.11), Debian 13 what trixie is (Python 3.13).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.checkout import REPOSITORY, copy_checkout, wheels_for
from support.machine import base_system, disk, require_arm64, require_machines, run_as_pi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WITH_BROKEN_FILES = {0, 1}
SUITE = os.environ.get("SHEETWATCH_SUITE", "bookworm")
_CRESCENT = REPOSITORY.parent / "shared/data/sheets/crescent"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(4 * 3600),
    pytest.mark.skipif(
        os.environ.get("SHEETWATCH_EMULATE") != "arm64", reason="slow; SHEETWATCH_EMULATE=arm64 runs it"
    ),
]


@pytest.fixture(scope="module")
def pi() -> Iterator[Path]:
    """The root of an ARM Debian in which `install.sh install` was run."""
    require_machines()
    require_arm64()
    base = base_system(SUITE, "arm64")
    with disk(base) as (root, _):
        shutil.copytree(wheels_for(base, "aarch64"), root / "wheels")
        copy_checkout(root / "checkout")
        began_s = time.monotonic()
        pip = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")
        done = run_as_pi(root, "env", *pip, "sh", "/checkout/deploy/install.sh", "install")
        print(f"\n{done.stdout}installed after {time.monotonic() - began_s:.0f} s")
        yield root


def test_it_is_an_arm_and_its_configuration_is_fit_for_use(pi: Path) -> None:
    assert run_as_pi(pi, "uname", "-m").stdout.strip() == "aarch64"
    run_as_pi(pi, "sheetwatch", "--config", "/etc/sheetwatch/sheetwatch.yaml", "check")


def test_every_scan_of_the_demo_is_read_as_here(pi: Path) -> None:
    began_s = time.monotonic()
    told = run_as_pi(pi, "sheetwatch", "demo", "--dir", "/srv/demo").stdout
    print(f"\n{told}\nthe demo took {time.monotonic() - began_s:.0f} s")
    settled = (path for path in (pi / "srv/demo/archive").rglob("*") if path.is_file())
    scans = sorted([*settled, *(pi / "srv/demo/state/work").glob("*/scan.*")])
    assert len(scans) > 20
    assert_the_same_values(pi, scans, pi / "srv/demo/templates")


@pytest.mark.skipif(not _CRESCENT.exists(), reason="the real sheets are not here")
def test_a_photographed_answer_book_is_read_as_here(pi: Path) -> None:
    shutil.copytree(_CRESCENT, pi / "srv/crescent")
    assert_the_same_values(pi, [pi / "srv/crescent/filled.jpg"], pi / "srv/crescent")


def assert_the_same_values(pi: Path, scans: list[Path], templates: Path) -> None:
    """Every page: the same form, and the same state and value of each field."""
    folders = [path.parent for path in sorted(templates.rglob("template.yaml"))]
    words = reading([inside(pi, it) for it in scans], [inside(pi, it) for it in folders])
    emulated = run_as_pi(pi, "sheetwatch", *words, expect=_WITH_BROKEN_FILES)
    native = subprocess.run(
        [sys.executable, "-m", "sheetwatch", *reading([str(it) for it in scans], [str(it) for it in folders])],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    there, here = pages(emulated.stdout), pages(native.stdout)
    assert [page["template"] for page in there] == [page["template"] for page in here]
    fields = [
        (theirs, ours)
        for left, right in zip(there, here, strict=True)
        for theirs, ours in zip(values(left), values(right), strict=True)
    ]
    different = [pair for pair in fields if pair[0] != pair[1]]
    print(f"\n{len(here)} pages, {len(fields)} fields, {len(different)} read differently")
    assert fields
    assert not different


def inside(pi: Path, path: Path) -> str:
    return f"/{path.relative_to(pi)}"


def reading(scans: list[str], templates: list[str]) -> list[str]:
    chosen = [word for folder in templates for word in ("--template", folder)]
    return ["read", "--json", *chosen, *scans]


def pages(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


def values(page: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(name, field["state"], field["value"]) for name, field in page["fields"].items()]
