"""An operator in a terminal, as a process: decides page after page, and prints what became of each decision.

python operators.py CONFIG NAME VALUE STEM...: says that it is ready, waits for a line, then accepts each page with
q1=VALUE; VALUE "-" discards it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sheetwatch.domain import UsageError
from sheetwatch.service.terminal import Desk
from sheetwatch.settings import load_settings


def main(config: str, name: str, value: str, stems: list[str]) -> None:
    with Desk.open(load_settings(Path(config))) as desk:
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps({stem: _decide(desk, stem, name, value) for stem in stems}))


def _decide(desk: Desk, stem: str, name: str, value: str) -> str:
    try:
        if value == "-":
            desk.discard(stem, by=name)
        else:
            desk.accept(stem, {"q1": value}, by=name)
    except UsageError as error:
        return str(error)
    return "mine"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
