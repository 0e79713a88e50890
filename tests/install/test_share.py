"""An inbox on another machine's share: the cable is pulled, the server goes away, and nobody touches the box.

    sudo apt install systemd-container debootstrap qemu-system-x86
    sudo SHEETWATCH_EMULATE=vm python -m pytest -s tests/install/test_share.py

Containers cannot mount a network folder, so this is a whole virtual machine with Debian's own kernel, and its processor
is emulated. What it does stands in tests/support/outage.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch.lab.device_files import write_jpeg
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from support.checkout import REPOSITORY, copy_checkout, wheels_for
from support.machine import base_system, disk, require_machines, run_in

if TYPE_CHECKING:
    from pathlib import Path

SHEETS = 5
_KERNEL = ("linux-image-cloud-amd64", "initramfs-tools", "cifs-utils", "iproute2", "kmod", "udev")
_LONGEST_S = 5400
_UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/usr/bin/python3 -u /srv/outage.py
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * _LONGEST_S),
    pytest.mark.skipif(os.environ.get("SHEETWATCH_EMULATE") != "vm", reason="slow; SHEETWATCH_EMULATE=vm runs it"),
]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the machine said of each stage."""
    require_machines()
    if missing := [tool for tool in ("qemu-system-x86_64", "mkfs.ext4") if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    base, folder = base_system("bookworm", "amd64", *_KERNEL), tmp_path_factory.mktemp("share")
    with disk(base) as (root, _):
        furnish(root, base)
        image = folder / "disk"
        image.touch()
        os.truncate(image, 6 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-d", str(root), str(image)], check=True)
        console = booted(root, image)
    image.unlink()
    print(console)
    return [json.loads(line.partition("OUTAGE ")[2]) for line in console.splitlines() if line.startswith("OUTAGE ")]


def furnish(root: Path, base: Path) -> None:
    """Sheetwatch installed, scans to be read, and the unit that does it all."""
    shutil.copytree(wheels_for(base), root / "wheels")
    copy_checkout(root / "checkout")
    pip = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")
    run_in(root, "env", *pip, "sh", "/checkout/deploy/install.sh", "install")
    (root / "srv/sheets").mkdir()
    template = load_templates([shipped_folder("config") / "templates"])[1]
    for seed in range(SHEETS):
        write_jpeg(root / f"srv/sheets/{seed}.jpg", generate_sheet(template, seed, difficulty="easy", device="clean"))
    shutil.copy(REPOSITORY / "tests/support/outage.py", root / "srv")
    units = root / "etc/systemd/system"
    (units / "outage.service").write_text(_UNIT)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants/outage.service").symlink_to("../outage.service")
    for unwanted in ("smbd", "nmbd", "serial-getty@ttyS0"):
        (units / f"{unwanted}.service").unlink(missing_ok=True)
        (units / f"{unwanted}.service").symlink_to("/dev/null")


def booted(root: Path, image: Path) -> str:
    """Run the machine until it switches itself off; what its console showed."""
    (kernel,), (initrd,) = (list((root / "boot").glob(name)) for name in ("vmlinuz-*", "initrd.img-*"))
    line = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "2048", "-smp", "2",
            "-nographic", "-no-reboot", "-nic", "none", "-kernel", str(kernel), "-initrd", str(initrd),
            "-append", "root=/dev/vda rw console=ttyS0 quiet",
            "-drive", f"file={image},if=virtio,format=raw"]  # fmt: skip
    console = image.with_name("console")  # grows while it runs, for those who want to follow
    with console.open("wb") as out:
        subprocess.run(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, timeout=_LONGEST_S)
    return console.read_text(errors="replace").replace("\r", "")


def test_whatever_was_away_is_read_when_it_is_back_without_a_hand(stages: list[dict[str, Any]]) -> None:
    assert not [stage for stage in stages if "error" in stage]
    names = [stage["stage"] for stage in stages]
    assert names[-1] == "the local inbox", names
    back = [stage for stage in stages if not stage["stage"].startswith("the cable out")]
    assert all(stage["after_s"] is not None for stage in back), stages
