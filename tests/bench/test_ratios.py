"""A page must not become slower unseen: ratios, measured anew, beside those in ratios.json."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.kept import KEPT, Kept, load_kept, machine_kind
from support.processes import environment

MACHINE = machine_kind()
OLD = {"stages: align": 5.0, "stages: judge": 0.01, "kinds: grey PNG": 3.0}

needs_kept_ratios = pytest.mark.skipif(
    MACHINE not in load_kept(KEPT).machines,
    reason=f"no ratios are kept for {MACHINE}: `python tests/bench ratios --write` on such a machine",
)


def ratios(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of its own: how many threads NumPy has is decided when it is loaded."""
    command = [sys.executable, str(Path(__file__).parent), "ratios", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_kept_ratios
def test_nothing_is_slower_than_the_committed_ratios_allow() -> None:
    done = ratios()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_kept_ratios
@pytest.mark.parametrize("stage", ["align", "cut_cells", "decode"])
def test_a_stage_that_takes_twice_its_time_is_caught(stage: str) -> None:
    done = ratios("stages", "--slowed", stage)
    assert done.returncode == 1, done.stdout + done.stderr
    complaints = [line for line in done.stdout.splitlines() if "allowed" in line]
    assert [line.split(":")[1].strip() for line in complaints] == [stage], done.stdout


@pytest.fixture
def kept() -> Kept:
    return Kept(tolerance=1.5, slack=0.05, machines={"x86_64": OLD})


def test_processors_that_multiply_bytes_otherwise_are_kept_apart() -> None:
    without, zen, client = (machine_kind(flags) for flags in ("avx2 fma", "avx2 avx512_vnni", "avx2 avx_vnni"))
    assert {zen, client} == {f"{without} with VNNI"}


def test_a_ratio_within_the_tolerance_is_no_complaint(kept: Kept) -> None:
    assert kept.worse({"stages: align": 7.5, "stages: judge": 0.06}, "x86_64") == []


def test_a_complaint_names_the_stage_both_ratios_and_the_mend(kept: Kept) -> None:
    (complaint,) = kept.worse({**OLD, "stages: align": 10.0}, "x86_64")
    for word in ("align", "10.00 now", "5.00 kept", "7.55 allowed", "python tests/bench stages", "ratios --write"):
        assert word in complaint


def test_a_stage_that_is_new_or_gone_is_told(kept: Kept) -> None:
    told = kept.worse({"stages: align": 5.0, "stages: look": 1.0}, "x86_64")
    assert ["look" in told[0], "judge" in told[1], len(told)] == [True, True, 2]


def test_parts_that_were_not_measured_are_no_complaint(kept: Kept) -> None:
    assert kept.worse({"kinds: grey PNG": 2.0}, "x86_64") == []


def test_new_ratios_replace_those_of_their_part_only(kept: Kept, tmp_path: Path) -> None:
    new = kept.with_ratios("x86_64", {"stages: look": 1.23456}).with_ratios("riscv64", {"stages: align": 4.0})
    new.save(tmp_path / "ratios.json")
    assert load_kept(tmp_path / "ratios.json").machines == {
        "x86_64": {"stages: look": 1.235, "kinds: grey PNG": 3.0},
        "riscv64": {"stages: align": 4.0},
    }


def test_the_committed_tolerance_catches_twice_the_time() -> None:
    kept = load_kept(KEPT)
    assert kept.most(0.2) < 0.4
