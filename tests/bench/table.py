"""Tables of measurements: printed for people, or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.clock import Spread

_SHOWN_SHARE = 0.03
"""Of the whole: parts below this are only in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing measured; `ratio` beside its floor; `parts`: what it is made of, likewise."""

    name: str
    spread: Spread
    ratio: Spread | None = None
    parts: Mapping[str, Spread] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Lines of one unit. `beside`: what the ratios are to."""

    title: str
    unit: str
    beside: str
    lines: tuple[Line, ...]

    def text(self) -> str:
        """As people read it."""
        wide = max(len(line.name) for line in self.lines) + 2
        beside = f" x {self.beside}" if self.beside else ""
        head = f"{'':{wide}}{self.unit:>10}   quartiles       {beside}"
        return "\n".join([self.title, head.rstrip(), *(_text(line, wide) for line in self.lines)])

    def as_json(self) -> dict[str, Any]:
        """As programs read it."""
        return asdict(self)


def _text(line: Line, wide: int) -> str:
    spread, ratio = line.spread, line.ratio
    beside = f"{ratio.median:8.2f}  ({ratio.lower:.2f} to {ratio.upper:.2f})" if ratio else ""
    text = f"{line.name:{wide}}{spread.median:10.1f}   {f'{spread.lower:.1f} to {spread.upper:.1f}':16}{beside:29}"
    shown = {name: part for name, part in line.parts.items() if part.median >= _SHOWN_SHARE * spread.median}
    parts = ", ".join(f"{name} {part.median:.1f}" for name, part in shown.items())
    about = "; ".join(filter(None, (line.note, parts)))
    return f"{text}{about}".rstrip()
