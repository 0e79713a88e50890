"""The scans that the demo sends: generated sheets as files, with what is true of each page."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.device import Device, draw_device
from sheetwatch.lab.device_files import write_jpeg, write_scan
from sheetwatch.lab.sheets import Sheet, generate_blank, generate_foreign, generate_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sheetwatch.domain import Template
    from sheetwatch.lab.pen_values import Truth

_ANSWER_BOOK, _METER = "answer-book", "meter-reading"
_UPSIDE_DOWN = 2
_WHOLE_SHARE = 0.55  # of a file that the scanner never finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is true of one page.

    `truth` is None where no form of ours is on it; `may_be_row`: whether it may be accepted unseen.
    """

    what: str
    template: str | None = None
    truth: Mapping[str, Truth] | None = None
    may_be_row: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoScan:
    """One file for the inbox. `bit_by_bit`: written under its own name in pieces; else as .tmp and then renamed."""

    name: str
    data: bytes
    pages: tuple[Expected, ...]
    bit_by_bit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """One page to generate."""

    template: str
    device: str
    what: str
    turn: int | None = None
    slip: bool = False


_SINGLE: tuple[tuple[str, _Wish], ...] = (
    ("jpg", _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, scanner")),
    ("jpg", _Wish(template=_METER, device="scanner", what="meter slip, scanner")),
    ("png", _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, scanner")),
    ("tif", _Wish(template=_METER, device="office-1bit", what="meter slip, 1-bit")),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="phone", what="answer book, photograph")),
    ("jpg", _Wish(template=_METER, device="phone", what="meter slip, photograph")),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, upside down", turn=_UPSIDE_DOWN)),
    ("tif", _Wish(template=_ANSWER_BOOK, device="office-1bit", what="answer book, 1-bit")),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, total added wrongly", slip=True)),
    ("png", _Wish(template=_METER, device="coarse", what="meter slip, 150 dpi")),
    ("jpg", _Wish(template=_METER, device="copier", what="meter slip, copy of a copy")),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, scanner")),
    ("jpg", _Wish(template=_METER, device="scanner", what="meter slip, on its side", turn=1)),
    ("png", _Wish(template=_METER, device="scanner", what="meter slip, scanner")),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="coarse", what="answer book, 150 dpi")),
    ("jpg", _Wish(template=_METER, device="scanner", what="meter slip, scanner")),
    ("tif", _Wish(template=_METER, device="office-1bit", what="meter slip, 1-bit, upside down", turn=_UPSIDE_DOWN)),
    ("jpg", _Wish(template=_ANSWER_BOOK, device="copier", what="answer book, copy of a copy")),
    ("jpg", _Wish(template=_METER, device="phone", what="meter slip, photograph")),
)
_PDF_PAGES = (
    _Wish(template=_ANSWER_BOOK, device="scanner", what="answer book, in a PDF"),
    _Wish(template=_METER, device="scanner", what="meter slip, in a PDF"),
    _Wish(template=_METER, device="office-1bit", what="meter slip, 1-bit, in a PDF"),
)
_TIFF_PAGES = (
    _Wish(template=_METER, device="office-1bit", what="meter slip, in a TIFF"),
    _Wish(template=_METER, device="office-1bit", what="meter slip, in a TIFF"),
)
_ODD_SCANS = 5
SCAN_COUNT = len(_SINGLE) + 2 + _ODD_SCANS


def demo_scans(templates: Sequence[Template], seed: int) -> Iterator[DemoScan]:
    """Every scan of the demo, generated when its turn comes; the same seed gives the same sheets."""
    with tempfile.TemporaryDirectory(prefix="sheetwatch-demo-") as folder:
        maker = _Maker({template.name: template for template in templates}, seed, Path(folder))
        first = None
        for ending, wish in _SINGLE:
            scan = maker.scan(ending, [wish])
            first = first or scan
            yield scan
        yield maker.scan("pdf", _PDF_PAGES)
        yield maker.scan("tiff", _TIFF_PAGES)
        yield from maker.odd_scans(first)


class _Maker:
    """Numbers the scans and the seeds."""

    def __init__(self, templates: Mapping[str, Template], seed: int, folder: Path) -> None:
        self._templates = templates
        self._seed = seed * 1000
        self._folder = folder
        self._count = 0

    def scan(self, ending: str, wishes: Sequence[_Wish]) -> DemoScan:
        """A file of filled sheets."""
        sheets = [self._sheet(wish) for wish in wishes]
        pages = tuple(_expected(wish, sheet) for wish, sheet in zip(wishes, sheets, strict=True))
        return self._file(ending, sheets, pages)

    def odd_scans(self, first: DemoScan | None) -> Iterator[DemoScan]:
        """What a scan folder also sees: a page that is no form, a blank back, a cut-off file, the same file again."""
        yield self._page(generate_foreign(self._next_seed(), device="scanner"), "no form of ours")
        front = self._templates[_ANSWER_BOOK]
        yield self._page(generate_blank(self._next_seed(), front=front), "blank back")
        yield self._photograph_with_exif()
        whole = self.scan("jpg", [_Wish(template=_METER, device="scanner", what="meter slip, file cut off")])
        page = replace(whole.pages[0], may_be_row=False)
        yield replace(whole, data=whole.data[: int(len(whole.data) * _WHOLE_SHARE)], pages=(page,))
        if first is not None:
            page = replace(first.pages[0], what=f"the same file as {first.name}", may_be_row=False)
            yield replace(first, name=self._name("jpg"), pages=(page,))

    def _photograph_with_exif(self) -> DemoScan:
        wish = _Wish(template=_ANSWER_BOOK, device="phone", what="answer book, photograph turned by EXIF", turn=0)
        sheet = self._sheet(wish)
        path = self._folder / self._name("jpg")
        write_jpeg(path, sheet, orientation=6)
        return DemoScan(name=path.name, data=path.read_bytes(), pages=(_expected(wish, sheet),))

    def _page(self, sheet: Sheet, what: str) -> DemoScan:
        return self._file("jpg", [sheet], (Expected(what=what, may_be_row=False),))

    def _file(self, ending: str, sheets: Sequence[Sheet], pages: tuple[Expected, ...]) -> DemoScan:
        path = self._folder / self._name(ending)
        write_scan(path, sheets)
        data = path.read_bytes()
        path.unlink()
        return DemoScan(name=path.name, data=data, pages=pages, bit_by_bit=self._count % 2 == 0)

    def _sheet(self, wish: _Wish) -> Sheet:
        seed = self._next_seed()
        device: Device | str = wish.device
        if wish.turn is not None:
            device = replace(_device(wish.device, seed), turn=wish.turn)
        return generate_sheet(self._templates[wish.template], seed, device=device, slip=wish.slip)

    def _next_seed(self) -> int:
        self._seed += 1
        return self._seed

    def _name(self, ending: str) -> str:
        self._count += 1
        return f"scan-{self._count:03d}.{ending}"


def _device(kind: str, seed: int) -> Device:
    return draw_device(kind, np.random.default_rng(seed))


def _expected(wish: _Wish, sheet: Sheet) -> Expected:
    return Expected(what=wish.what, template=sheet.template, truth=sheet.truth, may_be_row=not wish.slip)
