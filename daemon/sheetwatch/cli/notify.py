"""`sheetwatch notify`: tell people who do not look, and Prometheus, how the installation does. Started by a timer."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from sheetwatch.domain import Settings
    from sheetwatch.service.report import StatusReport


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "notify",
        help="tell people and Prometheus how the installation does",
        description="Looks once, tells what is new by mail, chat or push (section `notices` of the configuration), and "
        "writes figures for Prometheus (section `metrics`). Exit code 75: nobody could be told; it is tried again with "
        "the next call.",
    )
    parser.add_argument("--test", action="store_true", help="send a test message to every address")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look once, and tell."""
    from sheetwatch.service.post import load_addresses  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.service.report import report_of  # noqa: PLC0415
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    settings = load_settings(args.config)
    addresses = load_addresses(settings.notices.urls_file)
    if args.test:
        return _test(settings, addresses)
    report, free_bytes = report_of(settings, last=0), _free_bytes(settings)
    if settings.metrics.textfile is not None:
        from sheetwatch.service.metrics import write_metrics  # noqa: PLC0415

        write_metrics(settings.metrics.textfile, report, free_bytes)
    if addresses:
        _tell(settings, addresses, report, free_bytes)
    return 0


def _tell(settings: Settings, addresses: list[str], report: StatusReport, free_bytes: dict[Path, int]) -> None:
    from datetime import UTC, datetime  # noqa: PLC0415

    from sheetwatch.service.notices import decide, keep_memory, load_memory, matters  # noqa: PLC0415

    memory = load_memory(settings.state)
    now = datetime.now(UTC).astimezone()
    lines, if_sent, if_not = decide(matters(report, free_bytes, settings.notices), memory, settings.notices, now)
    keep_memory(settings.state, if_not, memory)  # first: what was seen stands, whatever becomes of the message
    if lines:
        _send(addresses, lines)
        keep_memory(settings.state, if_sent, if_not)


def _test(settings: Settings, addresses: list[str]) -> int:
    from sheetwatch.domain import ConfigError  # noqa: PLC0415

    if not addresses:
        raise ConfigError(
            f"notices.urls_file ({settings.notices.urls_file}) names nobody; write an address into it, such as "
            "mailto://user:password@example.org"
        )
    _send(addresses, ["this is a test; notices arrive"])
    print(f"sent to {len(addresses)} addresses")
    return 0


def _send(addresses: list[str], lines: Sequence[str]) -> None:
    """One message for everything. Raises EnvironmentFault when nobody took it."""
    from sheetwatch.domain import EnvironmentFault  # noqa: PLC0415
    from sheetwatch.service.post import send  # noqa: PLC0415

    took = send(addresses, f"Sheetwatch on {platform.node()}", "\n".join(f"- {line}" for line in lines))
    if not took:
        raise EnvironmentFault(
            f"none of {len(addresses)} addresses took the notice; check the network and the addresses"
        )
    if took < len(addresses):
        print(f"{len(addresses) - took} of {len(addresses)} addresses did not take the notice")


def _free_bytes(settings: Settings) -> dict[Path, int]:
    """The room for this user on the disk of each folder that can be looked at; one folder for each disk."""
    from sheetwatch.intake.folders import named_folders  # noqa: PLC0415

    free: dict[int, tuple[Path, int]] = {}
    for _, folder in named_folders(settings):
        try:
            status, device = os.statvfs(folder), folder.stat().st_dev
        except OSError:  # the report says so already
            continue
        free.setdefault(device, (folder, status.f_bavail * status.f_frsize))
    return dict(free.values())
