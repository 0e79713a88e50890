"""`sheetwatch train`: make a model from a recipe."""

from __future__ import annotations

import shlex
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    import argparse

    from sheetwatch.lab.train import Fitting

_REPORT_EVERY_S = 20.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser("train", help="train a model from a recipe")
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe such as models/digits-2.yaml")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the training sets")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for model and manifest")
    parser.add_argument(
        "--work", type=Path, default=Path("build/train"), metavar="DIR", help="folder for weights on the way"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="do not fit: quantise and calibrate these weights")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="processes that compose cells")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads that fit the network")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, quantise, calibrate, write."""
    if find_spec("tensorflow") is None:
        raise UsageError("training needs TensorFlow; install it with: pip install 'sheetwatch[train]' (Python 3.11)")
    from sheetwatch.lab.recipe import load_recipe  # noqa: PLC0415 - a command costs nothing until it runs

    recipe = load_recipe(args.recipe)
    from sheetwatch.lab.train import Place, fit, write_model  # noqa: PLC0415

    place = Place(data=args.data, work=args.work, out=args.out)
    command = shlex.join(["sheetwatch", "train", str(args.recipe), "--data", str(args.data), "--out", str(args.out)])
    weights = args.weights or fit(
        recipe, place, processes=args.processes, threads=args.threads, report=_Lines(time.monotonic())
    )
    print(f"calibrating on {recipe.held_out:,} held-out cells", file=sys.stderr)
    print(write_model(recipe, place, weights, command=command))
    return 0


class _Lines:
    """Progress as lines, one every 20 s."""

    def __init__(self, began_s: float) -> None:
        self._began_s = self._last_s = began_s

    def __call__(self, fitting: Fitting) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s < _REPORT_EVERY_S and fitting.cells < fitting.of:
            return
        self._last_s = now_s
        pace = fitting.cells / (now_s - self._began_s)
        left_min = (fitting.of - fitting.cells) / pace / 60
        print(
            f"{fitting.cells:,} of {fitting.of:,} cells, loss {fitting.loss:.4f}, {pace:.0f} cells/s,"
            f" {left_min:.0f} min left",
            file=sys.stderr,
            flush=True,
        )
