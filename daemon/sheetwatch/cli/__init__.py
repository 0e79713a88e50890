"""The command line. Each command is one module here with `add_parser(subparsers)` and `run(args) -> int`.

Only the module of the command that is asked for is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from sheetwatch import __version__
from sheetwatch.domain import EnvironmentFault, SheetwatchError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COMMANDS = {
    "run": "watch the inbox and read every scan that arrives",
    "read": "read scans and print what they say; changes nothing",
    "batch": "read an archive of any size into Parquet files",
    "spot": "find the handwritten numbers anywhere on a picture; needs no template",
    "demo": "let the real daemon read generated sheets in a fresh folder",
    "check": "check configuration, templates, model and folders",
    "status": "show the accounting, the queue and the last sheets",
    "notify": "tell people and Prometheus how the installation does",
    "review": "list, show, correct or discard the pages that need a person",
    "web": "serve the operator's pages: review, today, results",
    "mirror": "look after the rows in a shared PostgreSQL",
    "export": "write the accepted rows again, as CSV, XLSX or Parquet",
    "worker": "read pages for the daemons of a Dask cluster, on this machine",
    "train": "train a model from a recipe",
    "evaluate": "measure a model on handwriting it never saw",
    "template": "draft, learn, import or show a template",
}
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_BROKEN_PIPE = 141  # 128 + SIGPIPE


class _Parser(argparse.ArgumentParser):
    """An argument parser that ends with 64 (sysexits.h: EX_USAGE) instead of 2."""

    def error(self, message: str) -> NoReturn:
        """Print usage and reason, end with 64."""
        self.print_usage(sys.stderr)
        self.exit(UsageError.exit_code, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one line on stderr, without a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices; other cores have pages of their own
    # File names that are not UTF-8 reach us with surrogates; they must print as something, never end the program.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        args = _parser(arguments).parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        sys.stdout.flush()
    except SheetwatchError as error:
        print(f"sheetwatch: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("sheetwatch: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        # Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        print(f"sheetwatch: {_os_reason(error)}", file=sys.stderr)
        return EnvironmentFault.exit_code
    return code


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser, complete for the command that the arguments name and with one line for each other."""
    parser = _Parser(
        prog="sheetwatch",
        description="Reads the handwritten numbers on scanned sheets into a rolling CSV.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sheetwatch {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration file (sheetwatch.yaml)")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    wanted = _wanted_command(arguments)
    for name, line in _COMMANDS.items():
        if name == wanted:
            import_module(f"sheetwatch.cli.{name}").add_parser(subparsers)
            # Also after the command, where most people write it; without a default, so that both places work.
            subparsers.choices[name].add_argument(
                "--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the configuration file"
            )
        else:
            subparsers.add_parser(name, help=line)
    return parser


def _wanted_command(arguments: Sequence[str]) -> str | None:
    """The first argument that is neither an option nor the value of one."""
    rest = iter(arguments)
    for argument in rest:
        if argument == "--config":
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return None


def _os_reason(error: OSError) -> str:
    """What the system refused, and where."""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check the path, its permissions and the free space"
