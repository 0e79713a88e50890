"""The units as systemd judges them; what they do at work is in test_booted.py."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(path.name for suffix in ("service", "timer", "path") for path in DEPLOY.glob(f"*.{suffix}"))
SERVICES = [name for name in UNITS if name.endswith(".service")]
# In tenths. The notices go to wherever people want them: no list of addresses can be given.
_MOST_EXPOSURE = {"sheetwatch.service": 10, "sheetwatch-web.service": 10, "sheetwatch-notify.service": 12}


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not installed: systemd-analyze (apt install systemd)")
    environment = {**os.environ, "SYSTEMD_COLORS": "0"}
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_little_harm(name: str) -> None:
    done = analyze("security", "--offline=true", f"--threshold={_MOST_EXPOSURE[name]}", str(DEPLOY / name))
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_open_service_would_be_noticed(tmp_path: Path) -> None:
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert analyze("security", "--offline=true", f"--threshold={max(_MOST_EXPOSURE.values())}", str(unit)).returncode


def test_systemd_reads_the_units_without_a_warning(tmp_path: Path) -> None:
    for name in UNITS:
        text = (DEPLOY / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/sheetwatch/current/bin/sheetwatch", "/bin/true"))
    done = analyze("verify", *(str(tmp_path / name) for name in UNITS))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["sheetwatch.service", "sheetwatch-web.service"])
def test_nothing_that_is_known_to_slow_inference_or_to_keep_scans_from_being_renamed(name: str) -> None:
    lines = (DEPLOY / name).read_text().splitlines()
    assert "ProcSubset=pid" not in lines
    assert "ProtectSystem=full" in lines
    assert not [line for line in lines if line.startswith(("ReadWritePaths=", "StateDirectory=", "BindPaths="))]


def test_the_one_that_reads_strangers_files_sees_nobody_elses_secrets() -> None:
    hidden = "InaccessiblePaths=-/etc/sheetwatch/notify-urls -/etc/sheetwatch/web-password"
    assert hidden in (DEPLOY / "sheetwatch.service").read_text().splitlines()
