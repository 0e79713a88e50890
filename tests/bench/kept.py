"""The ratios that are committed: tests/bench/ratios.json."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = Path(__file__).with_name("ratios.json")
_CPU = Path("/proc/cpuinfo")
_VNNI = {"avx512_vnni", "avx_vnni"}
_KEEP = "`python tests/bench ratios --write` and commit tests/bench/ratios.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file says. `machines`: by their kind the ratios by name; a name begins with its part and a colon."""

    tolerance: float
    slack: float
    machines: dict[str, dict[str, float]]

    def most(self, ratio: float) -> float:
        """How large a ratio may be that was kept as this."""
        return ratio * self.tolerance + self.slack

    def worse(self, ratios: Mapping[str, float], machine: str) -> list[str]:
        """What is slower than it may be, or was renamed, in words that say what to do."""
        kept = self.machines.get(machine, {})
        parts = {_part(name) for name in ratios}
        return [
            *(f"{name}: no ratio is kept for {machine}; {_KEEP}" for name in ratios if name not in kept),
            *(
                f"{name}: kept for {machine}, but measured no more; {_KEEP}"
                for name in kept
                if name not in ratios and _part(name) in parts
            ),
            *(
                f"{name}: {ratio:.2f} now, {kept[name]:.2f} kept, at most {self.most(kept[name]):.2f} allowed; "
                f"`python tests/bench {_part(name)}` shows where the time goes. Make it as fast as it was; "
                f"if it is slower on purpose, {_KEEP}"
                for name, ratio in ratios.items()
                if name in kept and ratio > self.most(kept[name])
            ),
        ]

    def with_ratios(self, machine: str, ratios: Mapping[str, float]) -> Kept:
        """With these ratios in place of those of the same parts."""
        parts = {_part(name) for name in ratios}
        others = {name: ratio for name, ratio in self.machines.get(machine, {}).items() if _part(name) not in parts}
        rounded = {name: round(ratio, 3) for name, ratio in ratios.items()}
        return replace(self, machines={**self.machines, machine: others | rounded})

    def save(self, path: Path) -> None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def machine_kind(cpu_flags: str | None = None) -> str:
    """What ratios are kept apart for: the architecture, and on x86-64 whether the processor has VNNI.

    With these instructions for products of bytes the network takes a fraction of the time, and hardly anything else
    does. cpu_flags: as in /proc/cpuinfo, which is read otherwise.
    """
    flags = set((_CPU.read_text() if cpu_flags is None else cpu_flags).split())
    return platform.machine() + (" with VNNI" if flags & _VNNI else "")


def load_kept(path: Path) -> Kept:
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def _part(name: str) -> str:
    return name.partition(":")[0]
