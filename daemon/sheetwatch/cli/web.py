"""`sheetwatch web`: the operator's pages."""

from __future__ import annotations

import getpass
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "web",
        help="serve the operator's pages: review, today, results",
        description="Works beside a running daemon and without one. Listens on this machine only, unless a password is "
        "set (web.password_file) or a proxy in front asks for names (web.behind_proxy). Exit code 75: the address is "
        "taken. 78: others could reach the pages without a password.",
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (web.listen: 127.0.0.1:8765)")
    parser.add_argument(
        "--set-password", type=Path, metavar="FILE", help="ask for a password, write its hash to this file, and end"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve, or make a password."""
    _require_packages()
    if args.set_password is not None:
        return _set_password(args.set_password)
    from sheetwatch.settings import load_settings  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.web.server import serve  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _stop)
    try:
        serve(load_settings(args.config), args.listen)
    except KeyboardInterrupt:
        return 0
    return 0


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _require_packages() -> None:
    from importlib.util import find_spec  # noqa: PLC0415

    from sheetwatch.domain import UsageError  # noqa: PLC0415

    if missing := [name for name in ("flask", "waitress") if find_spec(name) is None]:
        raise UsageError(f"the operator's pages need {' and '.join(missing)}; install: pip install 'sheetwatch[web]'")


def _set_password(path: Path) -> int:
    from sheetwatch.domain import UsageError  # noqa: PLC0415
    from sheetwatch.web.passwords import write_password  # noqa: PLC0415

    if sys.stdin.isatty():
        password = getpass.getpass("New password: ")
        if getpass.getpass("Once more: ") != password:
            raise UsageError("the two are not the same; nothing was written")
    else:
        password = sys.stdin.readline().rstrip("\n")
    write_password(path, password)
    print(f"written to {path}; name it in the configuration as web.password_file")
    return 0
