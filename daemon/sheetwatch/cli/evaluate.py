"""`sheetwatch evaluate`: how well a model reads handwriting that it never saw, and how far it can be trusted."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sheetwatch import __version__
from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sheetwatch.lab.evaluate import Evaluation, Sample
    from sheetwatch.pipeline import CellReader

_PLAIN_COLUMNS = 150


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a model on handwriting it never saw",
        description=(
            "Accuracy, precision, recall, F1, confusion, calibration, risk against coverage and time, as tables; with"
            " --out also as pictures, a workbook and one HTML page. Write DIGITS before --set."
        ),
    )
    parser.add_argument(
        "digits",
        nargs="*",
        type=Path,
        metavar="DIGITS",
        help="your own digits: a folder with subfolders 0 to 9, MNIST idx files, or an .npz",
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder with dev/ and train/, perhaps sheets/")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a .tflite file; default: the shipped one")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME", dest="sets", help="only these sets of --data"
    )
    parser.add_argument("--every", type=_positive, default=1, metavar="N", help="only every Nth cell of each set")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for pictures, workbook and page")
    parser.add_argument("--markdown", action="store_true", help="print one Markdown table instead, for a model card")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load, read, measure, print, write."""
    _check(args)
    from rich.console import Console  # noqa: PLC0415 - a command costs nothing until it runs

    from sheetwatch.lab.evaluate import evaluate_sets  # noqa: PLC0415
    from sheetwatch.lab.evaluate_terminal import markdown, print_tables  # noqa: PLC0415

    reader = _reader(args.model)
    samples = _samples(args)
    with _Progress(samples, Console(stderr=True)) as progress:
        evaluation = evaluate_sets(reader, samples, advance=progress.advance)
    if args.markdown:
        print(markdown(evaluation), end="")
    else:
        print_tables(evaluation, _console())
    if args.out:
        _write(evaluation, args)
    return 0


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _check(args: argparse.Namespace) -> None:
    """Find out before a minute of reading what cannot work after it. Raises UsageError."""
    if not args.data and not args.digits:
        raise UsageError("nothing to evaluate; name your own digits, or give --data a folder with dev/ and train/")
    if args.sets and not args.data:
        raise UsageError("--set chooses among the sets of --data; give --data too")
    if args.data and not args.data.is_dir():
        raise UsageError(f"{args.data}: no such folder; give --data a folder with dev/ and train/")
    if args.out:
        _check_out(args.out)


def _check_out(out: Path) -> None:
    from sheetwatch.files import make_folder  # noqa: PLC0415

    if find_spec("matplotlib") is None:
        raise UsageError(
            "--out draws with Matplotlib, which is missing; install it with: pip install 'sheetwatch[train]'"
        )
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: this is no folder; name another one with --out")
    make_folder(out)
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out}: this folder cannot be written; correct its rights or name another one with --out")


def _reader(model: Path | None) -> CellReader:
    """The reader with this model; a LeNet-5 says in its manifest what it is."""
    if model and _is_lenet(model):
        from sheetwatch.lab.lenet_reader import load_lenet  # noqa: PLC0415

        return load_lenet(model)
    from sheetwatch.reader import load_reader  # noqa: PLC0415

    return load_reader(model)


def _is_lenet(model: Path) -> bool:
    """Whether `sheetwatch train --arch lenet5` wrote this model."""
    try:
        said = json.loads(model.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return False  # what is wrong with it is said where it is loaded
    return isinstance(said, dict) and said.get("arch") == "lenet5"


def _samples(args: argparse.Namespace) -> list[Sample]:
    """The sets of --data, then the user's own digits."""
    from sheetwatch.lab.evaluate_samples import load_own, load_samples, sample_of  # noqa: PLC0415

    samples = load_samples(args.data, args.sets, args.every) if args.data else []
    for source in args.digits:
        own = load_own(source)
        for warning in own.warnings:
            print(f"sheetwatch: {warning}", file=sys.stderr)
        samples.append(sample_of(own, [one.name for one in samples], args.every))
    return samples


def _console() -> Console:
    """The terminal; elsewhere wide enough that the tables keep their lines whole."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_COLUMNS)


def _write(evaluation: Evaluation, args: argparse.Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415

    from sheetwatch.lab.evaluate_files import write_evaluation  # noqa: PLC0415

    thinned = f", one cell in {args.every} of each set" if args.every > 1 else ""
    made_by = f"Measured by sheetwatch {__version__} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC{thinned}"
    with Console(stderr=True).status("drawing pictures, workbook and page"):
        written = write_evaluation(evaluation, args.out, made_by)
    for path in written:
        print(path, file=sys.stderr)


class _Progress:
    """One bar that names the set, on a terminal; nothing elsewhere.

    It is drawn anew only when cells were read: a thread that draws would count as reading time.
    """

    def __init__(self, samples: Sequence[Sample], console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        self._bar = Progress(
            TextColumn("{task.description:<20}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=sum(len(sample.cells) for sample in samples))

    def advance(self, name: str, cells: int) -> None:
        """So many more cells of this set were read."""
        self._bar.update(self._task, description=name, advance=cells, refresh=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
