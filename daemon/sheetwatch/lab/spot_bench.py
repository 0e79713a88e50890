"""Measure spotting on generated pages: `python -m sheetwatch.lab.spot_bench --data DATA --pages 200`.

DATA is the folder with the data sets: its `train` folder is read, and only hands that no model was trained on write.
Without it the project's own pen writes, whose figures are flattering: the model was trained on its shapes. The row's
columns: numbers found, and found and right, of those written; `false`: found where none is; `sure`: of all that was
found, those with a probability of 0.95 or more.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.files import write_atomically
from sheetwatch.lab.dataset import load_sources
from sheetwatch.lab.spot_pages import TestPage, make_page
from sheetwatch.lab.spot_score import PageScore, score
from sheetwatch.lab.spot_writers import own_pen, real_writer
from sheetwatch.overlay import as_png
from sheetwatch.reader import load_reader
from sheetwatch.spot_picture import draw_spotted
from sheetwatch.spotting import spot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sheetwatch.domain import Spotted
    from sheetwatch.lab.spot_writers import Writer

    Scored = tuple[TestPage, PageScore]

_SURE = 0.95


def main(argv: Sequence[str] | None = None) -> int:
    """Make the pages, spot their numbers, print the figures."""
    args = _parser().parse_args(argv)
    writer = _writers(args.data)
    reader = load_reader(args.model)
    scored: list[Scored] = []
    with contextlib.suppress(KeyboardInterrupt):  # the figures so far are worth seeing
        for number in range(args.pages):
            page = make_page(writer, np.random.default_rng((args.seed, number)))
            spotted = spot(page.grey, reader)
            scored.append((page, score(page.numbers, spotted)))
            if args.mistakes is not None:
                _tell(args.mistakes, number, scored[-1], spotted)
    for line in report(scored):
        print(line)  # noqa: T201 - the figures are what this command is for
    return 0


def report(scored: Sequence[Scored]) -> list[str]:
    """The figures of all pages, then under each condition, as rows of a table."""
    rows = ["| condition | pages | numbers | found % | right % | false | sure | sure, wrong | in order % |"]
    rows += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|", _row("all", scored)]
    groups: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for page, result in scored:
        for name, value in page.conditions.items():
            groups[name, value].append((page, result))
    return rows + [_row(f"{name}: {value}", groups[name, value]) for name, value in sorted(groups)]


def _row(name: str, scored: Iterable[Scored]) -> str:
    results = [result for _, result in scored]
    matches = [match for result in results for match in result.matches]
    found = sum(match.found is not None for match in matches)
    right = sum(match.right for match in matches)
    extra = [number for result in results for number in result.extra]
    sure = [match for match in matches if match.found is not None and match.found.probability >= _SURE]
    wrong = sum(not match.right for match in sure)
    sure_extra = sum(number.probability >= _SURE for number in extra)
    orderly = sum(result.in_order for result in results)
    share = 100.0 / max(1, len(matches))
    return (
        f"| {name} | {len(results)} | {len(matches)} | {share * found:.2f} | {share * right:.2f} | {len(extra)} | "
        f"{len(sure) + sure_extra} | {wrong + sure_extra} | {100 * orderly / max(1, len(results)):.1f} |"
    )


def _tell(folder: Path, number: int, scored: Scored, spotted: Spotted) -> None:
    """What went wrong on a page as one line on stderr, and its picture into the folder."""
    page, result = scored
    said = [f"{m.true.text} as {m.found.text if m.found else 'nothing'}" for m in result.matches if not m.right]
    said += [f"{extra.text} ({extra.probability:.2f}) where nothing is" for extra in result.extra]
    line = f"page {number} ({' '.join(page.conditions.values())}), {len(page.numbers)} numbers: {'; '.join(said)}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201
    if said:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / f"page-{number:03d}.png", as_png(draw_spotted(page.grey, spotted)))


def _writers(data: Path | None) -> Callable[[np.random.Generator], Writer]:
    if data is None:
        return own_pen
    sources = load_sources(data / "train", held_out=True)
    return lambda rng: real_writer(sources, rng)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sheetwatch.lab.spot_bench", description=__doc__)
    parser.add_argument(
        "--data", type=Path, help="the folder with the data sets; without it the project's own pen writes"
    )
    parser.add_argument("--pages", type=int, default=200, help="how many pages (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="other seeds make other pages (default: %(default)s)")
    parser.add_argument("--model", type=Path, help="another model than the shipped one")
    parser.add_argument("--mistakes", type=Path, metavar="DIR", help="tell each mistake and draw its page into DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
