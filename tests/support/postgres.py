"""A PostgreSQL of a test's own: a cluster in a temporary folder, run by an unprivileged user, on a Unix socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORT = 5432  # of the socket's name only: nothing listens on the network unless a test asks for it


def binaries() -> Path:
    """Where Debian puts initdb and postgres; skips the test where they are not."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    return found[-1].parent


@dataclass
class Server:
    """A cluster. `base` holds data, socket and log."""

    base: Path
    programs: Path
    listen: str = ""
    port: int = _PORT

    def address(self, user: str = "postgres", database: str = "marks") -> str:
        return f"postgresql://{user}@/{database}?host={self.base}&port={self.port}"

    def make(self) -> None:
        self._run("initdb", "-D", str(self.base / "data"), "-A", "trust", "-N", "-U", "postgres", "-E", "UTF8")
        self.start()
        self.sql("CREATE DATABASE marks", database="postgres")

    def start(self) -> None:
        options = f"-k {self.base} -h '{self.listen}' -p {self.port} -F -c max_connections=20"
        self._run("pg_ctl", "-D", str(self.base / "data"), "-o", options, "-l", str(self.base / "log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.base / "data"), "-m", mode, "-w", "stop")

    @property
    def process(self) -> int:
        return int((self.base / "data" / "postmaster.pid").read_text().splitlines()[0])

    def signal_all(self, kind: signal.Signals) -> None:
        """To the server and every process that it has: SIGSTOP makes it a server that does not answer."""
        children = Path(f"/proc/{self.process}/task/{self.process}/children").read_text().split()
        for process in (self.process, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(process, kind)

    def sql(
        self, statement: str, *values: object, database: str = "marks", schema: str = "public"
    ) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator. `schema`: where it finds its tables."""
        import psycopg  # noqa: PLC0415 - where it is missing, the tests that need it are skipped

        options = f"-c search_path={schema}"
        with psycopg.connect(self.address(database=database), autocommit=True, options=options) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to be run by root.
        as_nobody = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*as_nobody, str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, check=False, cwd="/", timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def server(folder: Path | None = None, **options: Any) -> Iterator[Server]:
    """A running server with an empty database `marks`; gone afterwards, whatever state a test left it in.

    `folder`: where its own one is made, on a disk of a test's own.
    """
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'sheetwatch[cluster]'")
    pytest.importorskip("sqlalchemy", reason="needs SQLAlchemy: pip install 'sheetwatch[cluster]'")
    programs = binaries()
    base = Path(
        tempfile.mkdtemp(prefix="sheetwatch-pg-", dir=folder)
    )  # short: a socket's name has at most 107 characters
    if os.geteuid() == 0:
        shutil.chown(base, "postgres", "postgres")
    made = Server(base, programs, **options)
    try:
        made.make()
        yield made
    finally:
        if (made.base / "data" / "postmaster.pid").exists():
            made.signal_all(signal.SIGCONT)
            made.stop("immediate")
        shutil.rmtree(base)
