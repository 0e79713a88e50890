"""`sheetwatch train`: make a model from a recipe, the classic baseline from labelled digits, or fetch MNIST."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    from sheetwatch.cli.train_progress import TrainProgress
    from sheetwatch.lab.dataset import OwnDigits
    from sheetwatch.lab.recipe import Recipe
    from sheetwatch.lab.train import Fitting, Place

_CACHE = Path("-")
"""What --download stands for without a folder."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a model from a recipe",
        description=(
            "With RECIPE: train the reader. With --arch lenet5: train the classic baseline on labelled digits and"
            " report how well it reads. With --download alone: fetch MNIST."
        ),
    )
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="such as models/digits-4.yaml")
    parser.add_argument("--arch", choices=["lenet5"], help="train this classic network instead, to compare with")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the training sets")
    parser.add_argument(
        "--digits",
        type=Path,
        metavar="SOURCE",
        help="your own digits: a folder with subfolders 0 to 9, MNIST idx files, or an .npz",
    )
    parser.add_argument(
        "--digits-share",
        type=_share,
        default=0.3,
        metavar="SHARE",
        help="of the cells with digit pictures that show your own (default 0.3)",
    )
    parser.add_argument(
        "--download",
        nargs="?",
        type=Path,
        const=_CACHE,
        metavar="DIR",
        help="fetch MNIST into this folder (default: the user's cache; with RECIPE: --data)",
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder for model and manifest")
    parser.add_argument(
        "--work", type=Path, default=Path("build/train"), metavar="DIR", help="folder for weights on the way"
    )
    parser.add_argument("--weights", type=Path, metavar="FILE", help="do not fit: quantise and test these weights")
    parser.add_argument("--start", type=Path, metavar="FILE", help="fit on from the weights of an earlier run")
    parser.add_argument("--processes", type=_positive, default=1, metavar="N", help="processes that compose cells")
    parser.add_argument("--threads", type=_positive, default=2, metavar="N", help="threads that fit the network")
    parser.add_argument("--epochs", type=_positive, default=12, metavar="N", help="of --arch lenet5 (default 12)")
    parser.add_argument("--seed", type=_positive, default=1, metavar="N", help="of --arch lenet5 (default 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fetch, train, write, whichever is asked for."""
    _check(args)
    if not args.recipe and not args.arch:
        print(_downloaded(args))
        return 0
    if find_spec("tensorflow") is None:
        raise UsageError("training needs TensorFlow; install it with: pip install 'sheetwatch[train]' (Python 3.11)")
    _check_out(args.out)
    try:
        return _train_lenet(args) if args.arch else _train_recipe(args)
    except KeyboardInterrupt:
        print(f"the weights so far, if any, lie in {args.work}; --weights FILE makes a model of them", file=sys.stderr)
        raise


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return share


def _check(args: argparse.Namespace) -> None:
    """Find out before hours of training what cannot work. Raises UsageError."""
    if args.recipe and args.arch:
        raise UsageError("a recipe says what it trains; give either RECIPE or --arch")
    if args.recipe and not args.data:
        raise UsageError("a recipe needs the training sets; give their folder with --data")
    if args.recipe and args.download not in {None, _CACHE}:
        raise UsageError("with a recipe MNIST goes into --data; write --download without a folder, after RECIPE")
    sources = [name for name in ("digits", "data", "download") if getattr(args, name)]
    if args.arch and len(sources) != 1:
        raise UsageError("--arch lenet5 trains on one source; give one of --digits, --data and --download")
    if not args.recipe and not args.arch and sources != ["download"]:
        raise UsageError("nothing to train; name a recipe, or --arch lenet5")
    if args.download and args.download.is_file():
        raise UsageError(f"{args.download}: is no folder to download into; write RECIPE before --download")
    for weights in (args.weights, args.start):
        if weights and not weights.is_file():
            raise UsageError(f"{weights}: there is no such file; give the weights that an earlier run wrote")


def _check_out(out: Path) -> None:
    from sheetwatch.files import make_folder  # noqa: PLC0415 - a command costs nothing until it runs

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: this is no folder; name another one with --out")
    make_folder(out)
    if not os.access(out, os.W_OK | os.X_OK):
        raise UsageError(f"{out}: this folder cannot be written; correct its rights or name another one with --out")


def _downloaded(args: argparse.Namespace) -> Path:
    """The folder with MNIST, fetched if need be."""
    from rich.console import Console  # noqa: PLC0415

    from sheetwatch.cli.train_progress import TrainProgress  # noqa: PLC0415
    from sheetwatch.lab.download import cache_folder, fetch_mnist  # noqa: PLC0415

    folder = args.download
    if folder == _CACHE:
        folder = args.data if args.recipe else cache_folder(os.environ)
    with TrainProgress(Console(stderr=True)) as progress:
        progress.begin(f"fetching MNIST into {folder}")
        return fetch_mnist(folder, report=lambda name, done, of: progress.show(done, of, name))


def _train_lenet(args: argparse.Namespace) -> int:
    from sheetwatch.cli.train_lenet import run_lenet  # noqa: PLC0415

    if args.download:
        return run_lenet(args, _downloaded(args))
    return run_lenet(args, args.digits or args.data)


def _train_recipe(args: argparse.Namespace) -> int:
    """Fit, quantise, calibrate, write."""
    from rich.console import Console  # noqa: PLC0415

    from sheetwatch.cli.train_progress import TrainProgress  # noqa: PLC0415
    from sheetwatch.lab.recipe import load_recipe  # noqa: PLC0415

    recipe = load_recipe(args.recipe)
    if args.download and not all((args.data / f"mnist_{part}.npz").is_file() for part in ("train", "test")):
        _downloaded(args)
    from sheetwatch.lab.train import Place, write_model  # noqa: PLC0415

    place = Place(data=args.data, work=args.work, out=args.out, own=_own(args))
    with TrainProgress(Console(stderr=True)) as progress:
        progress.begin("reading the training sets")
        for warning in _checked_sources(place):
            progress.say(f"warning: {warning}")
        weights = args.weights or _fit(args, recipe, place, progress)
        progress.begin(f"calibrating on {recipe.held_out:,} held-out cells")
        model = write_model(recipe, place, weights, command=_command(args), processes=args.processes)
    print(model)
    return 0


def _fit(args: argparse.Namespace, recipe: Recipe, place: Place, progress: TrainProgress) -> Path:
    from sheetwatch.lab.train import fit  # noqa: PLC0415

    def report(fitting: Fitting) -> None:
        progress.show(fitting.cells, fitting.of, f"fitting cells, loss {fitting.loss:.4f}")

    progress.begin(f"fitting {recipe.name}")
    return fit(recipe, place, start=args.start, processes=args.processes, threads=args.threads, report=report)


def _own(args: argparse.Namespace) -> OwnDigits | None:
    from sheetwatch.lab.dataset import OwnDigits  # noqa: PLC0415

    return OwnDigits(source=args.digits, share=args.digits_share) if args.digits else None


def _checked_sources(place: Place) -> tuple[str, ...]:
    """Load both sides once, so that what is wrong is said now and not by a worker process; returns warnings."""
    from zipfile import BadZipFile  # noqa: PLC0415

    from sheetwatch.lab.dataset import load_sources  # noqa: PLC0415
    from sheetwatch.lab.labelled import load_parts  # noqa: PLC0415

    try:
        for held_out in (False, True):
            load_sources(place.data, held_out=held_out, own=place.own)
    except (KeyError, ValueError, EOFError, BadZipFile) as error:
        raise UsageError(f"{place.data}: a training set cannot be read ({error}); fetch its file again") from error
    if place.own is None:
        return ()
    parts = load_parts(place.own.source)
    return parts.training.warnings + (parts.test.warnings if parts.test else ())


def _command(args: argparse.Namespace) -> str:
    """What makes this model again, for its manifest."""
    own = ["--digits", str(args.digits), "--digits-share", f"{args.digits_share:g}"] if args.digits else []
    start = ["--start", args.start.name] if args.start else []
    words = ["sheetwatch", "train", str(args.recipe), "--data", str(args.data), "--out", str(args.out), *start, *own]
    return shlex.join(words)
