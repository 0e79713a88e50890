"""deploy/try.sh says how it is called before it makes anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "try.sh"


@pytest.mark.parametrize("arguments", [(), ("shell",), ("nonsense",)])
def test_a_call_without_a_task_or_command_fails_with_the_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    script = tmp_path / "deploy" / "try.sh"
    script.parent.mkdir()
    shutil.copy(SCRIPT, script)
    done = subprocess.run(
        ["sh", str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": "no-python"},
    )
    assert done.returncode == 64
    assert "sh deploy/try.sh shell COMMAND" in done.stderr
    assert not (tmp_path / ".venv").exists()
