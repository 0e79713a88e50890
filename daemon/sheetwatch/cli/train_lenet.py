"""`sheetwatch train --arch lenet5`: the classic baseline, from labelled digits to a report."""

from __future__ import annotations

import hashlib
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

import sheetwatch
from sheetwatch.cli.train_progress import TrainProgress
from sheetwatch.files import make_folder, write_atomically
from sheetwatch.lab.digits_workbook import digits_workbook
from sheetwatch.lab.evaluate import evaluate_sets
from sheetwatch.lab.evaluate_files import write_evaluation
from sheetwatch.lab.evaluate_samples import sample_of
from sheetwatch.lab.evaluate_terminal import print_tables
from sheetwatch.lab.labelled import Parts, load_labelled, load_parts
from sheetwatch.lab.lenet import PARAMETERS, fit_lenet, quantised_lenet, risk_table, split
from sheetwatch.lab.lenet_reader import LenetManifest, LenetNetwork, LenetReader

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from sheetwatch.lab.evaluate import Evaluation
    from sheetwatch.lab.lenet import Epoch, Split

NAME = "lenet5"
_PLAIN_COLUMNS = 150


def run_lenet(args: argparse.Namespace, source: Path) -> int:
    """Train on the digits of the source, test, write model and report. args: those of `sheetwatch train`."""
    with TrainProgress(Console(stderr=True)) as progress:
        progress.begin("preparing the digits")
        parts = _parts(source)
        data = split(parts)
        for warning in parts.training.warnings + (parts.test.warnings if parts.test else ()):
            progress.say(f"warning: {warning}")
        weights = args.weights or _fit(args, data, progress)
        progress.begin("quantising and testing")
        content = quantised_lenet(weights, data)
        network = LenetNetwork(content)
        table = risk_table(network, data.held_out)
        evaluation = evaluate_sets(LenetReader(network, NAME, table), [sample_of(data.test, ())])
    manifest = LenetManifest(
        name=NAME,
        file=f"{NAME}.tflite",
        sha256=hashlib.sha256(content).hexdigest(),
        parameters=PARAMETERS,
        training_set=parts.training.name,
        training_digits=len(data.training.labels),
        test_digits=len(data.test.labels),
        test_accuracy=evaluation.sets[0].measures.accuracy,
        epochs=args.epochs,
        seed=args.seed,
        risk_coverage=table,
        training_command=shlex.join(["sheetwatch", *sys.argv[1:]]),
        program_version=sheetwatch.__version__,
    )
    _write(args.out, content, manifest)
    _report(args.out / f"{NAME}-report", evaluation)
    print(args.out / manifest.file)
    return 0


def _parts(source: Path) -> Parts:
    """A source's parts; of a folder of training sets, MNIST's."""
    train, test = source / "mnist_train.npz", source / "mnist_test.npz"
    if train.is_file() and test.is_file():
        return Parts(training=load_labelled(train), test=load_labelled(test))
    return load_parts(source)


def _fit(args: argparse.Namespace, data: Split, progress: TrainProgress) -> Path:
    weights: Path = args.work / f"{NAME}.weights.h5"
    reported = 0

    def report(epoch: Epoch) -> None:
        nonlocal reported
        progress.show(epoch.shown, epoch.of, f"epoch {epoch.number} of {args.epochs}")
        if len(epoch.accuracies) > reported:
            reported = len(epoch.accuracies)
            progress.say(f"epoch {reported}: {epoch.accuracies[-1]:.2%} of the digits held out are read right")

    progress.begin(f"fitting LeNet-5 to {len(data.training.labels):,} digits")
    fit_lenet(data, weights, epochs=args.epochs, seed=args.seed, report=report)
    return weights


def _write(out: Path, content: bytes, manifest: LenetManifest) -> None:
    make_folder(out)
    write_atomically(out / manifest.file, content)
    packed = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write_atomically((out / manifest.file).with_suffix(".json"), packed + b"\n")


def _report(folder: Path, evaluation: Evaluation) -> None:
    """Tables on the terminal; pictures, workbooks and page in the folder."""
    console = Console(highlight=False)
    print_tables(evaluation, console if console.is_terminal else Console(highlight=False, width=_PLAIN_COLUMNS))
    make_folder(folder)
    made_by = f"Trained and measured by sheetwatch {sheetwatch.__version__} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    write_atomically(folder / "digits.xlsx", digits_workbook(evaluation.sets[0].outcomes))
    for path in (folder / "digits.xlsx", *write_evaluation(evaluation, folder, made_by)):
        print(path, file=sys.stderr)
