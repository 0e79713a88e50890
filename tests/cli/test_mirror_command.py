"""`sheetwatch mirror`, and what `check` and `run` say of a shared database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sheetwatch.shipped import shipped_folder
from support.office import row, sheet
from support.postgres import Server, server
from support.processes import SETTINGS, TEXT_DAEMON, Installation, environment
from support.shared import in_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s3cret-w0rd"  # noqa: S105 - of a server that lives for one test


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with server(listen="127.0.0.1", port=port) as running:
        rules = running.base / "data" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        running.sql(f"CREATE ROLE box LOGIN PASSWORD '{SECRET}'")
        running.sql("SELECT pg_reload_conf()")
        yield running


def place_at(base: Path, database: str, schema: str = "marks") -> Installation:
    results = f'{{folder: results, database: "{database}", box: a, schema: {schema}}}'
    templates = shipped_folder("config") / "templates"
    return Installation(base, settings=f"{SETTINGS}results: {results}\ntemplates: ['{templates}']\n")


def tcp(postgres: Server, password: str = "") -> str:
    return f"postgresql://box{password}@127.0.0.1:{postgres.port}/marks"


def once(place: Installation, **extra: str) -> int:
    return place.start(str(TEXT_DAEMON), str(place.config), "--once", **extra).wait(240)


def command(place: Installation, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "sheetwatch", "--config", str(place.config), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=place.base, env=environment(extra))


@pytest.mark.slow
def test_an_administrator_prepares_and_a_box_writes_with_the_least_rights(tmp_path: Path, postgres: Server) -> None:
    place = place_at(tmp_path, tcp(postgres))
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"127.0.0.1:*:marks:box:{SECRET}\n")
    passwords.chmod(0o600)
    known = {"PGPASSFILE": str(passwords)}
    refused = command(place, "check", **known)
    assert "may not make them; let an administrator run: sheetwatch mirror --prepare" in refused.stdout
    prepared = command(place, "mirror", "--prepare", "--as", postgres.address(), "--grant", "box")
    assert prepared.returncode == 0, prepared.stderr
    assert "marks on 127.0.0.1, schema marks, as a" in command(place, "check", **known).stdout
    place.drop("a.jpg", sheet(row(1), row(2)))
    assert once(place, **known) == 0
    assert len(in_database(postgres, "marks")) == 2
    assert command(place, "mirror", "--prepare", "--as", postgres.address()).returncode == 0
    assert postgres.sql("SELECT roll, q1 FROM marks.sheetwatch_exam ORDER BY 1") == [("0001", 7), ("0002", 7)]
    said = command(place, "mirror", **known).stdout
    assert "rows that wait here: 0" in said
    assert "rows in marks on 127.0.0.1, schema marks, of box a: 2" in said


@pytest.mark.slow
def test_a_password_is_told_to_nobody(tmp_path: Path, postgres: Server) -> None:
    postgres.sql("GRANT CREATE ON DATABASE marks TO box")
    place = place_at(tmp_path, tcp(postgres, ":wr0ng-w0rd"), "told")
    place.drop("a.jpg", sheet(row(1)))
    assert once(place) == 75
    said = place.log + str(place.status()) + command(place, "mirror").stderr + command(place, "check").stdout
    said += (tmp_path / "state" / "health.json").read_text()
    assert "password authentication failed" in said
    assert "wr0ng-w0rd" not in said
    assert once(place_at(tmp_path, tcp(postgres, f":{SECRET}"), "told")) == 0
    assert SECRET not in place.log + command(place, "mirror").stdout + command(place, "check").stdout


@pytest.mark.parametrize("address", ["postgresql://u:se/cret@h/d", "postgresql://u:se@cret@h/d", "mysql://u:se@h/d",
                                     "postgresql://u:se%zzcret@h/d", "postgresql://h/d?nothing=secret"])  # fmt: skip
def test_an_address_that_is_none_is_told_without_what_it_says(tmp_path: Path, address: str) -> None:
    pytest.importorskip("psycopg")
    place = place_at(tmp_path, address)
    for done in (command(place, "run", "--once"), command(place, "mirror")):
        assert done.returncode == 78
        assert "results.database" in done.stderr
        assert "cret" not in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_everything_is_sent_again_when_told_to(tmp_path: Path, postgres: Server) -> None:
    place = place_at(tmp_path, postgres.address(), "again")
    assert command(place, "mirror", "--again").returncode == 74
    place.drop("a.jpg", sheet(row(1), row(2)))
    assert once(place) == 0
    postgres.sql("DELETE FROM again.sheetwatch_rows")
    assert "2 rows will be sent" in command(place, "mirror", "--again").stdout
    assert "rows that wait here: 2" in command(place, "mirror", "--status").stdout
    assert once(place) == 0
    assert len(in_database(postgres, "again")) == 2


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    place = place_at(tmp_path, "postgresql://h/d")
    for arguments in (["run", "--once"], ["mirror"], ["check"]):
        code = (
            f"import sys; sys.modules['psycopg'] = None; from sheetwatch.cli import main; sys.exit(main({arguments!r}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
            env={**os.environ, "SHEETWATCH_CONFIG": str(place.config)},
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 78
        assert "sheetwatch[cluster]" in said
        assert "Traceback" not in said


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    for arguments in (["mirror", "--again"], ["mirror", "--prepare"]):
        done = command(place, *arguments)
        assert done.returncode == 78, done.stderr
    assert command(place, "mirror", "--grant", "x").returncode == 64


def test_a_daemon_without_a_database_loads_nothing_of_it(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = [sys.argv[1], sys.argv[2], '--once']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('sqlalchemy', 'psycopg') if name in sys.modules])"
    )
    place = Installation(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code, str(TEXT_DAEMON), str(place.config)],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert done.stdout.strip().endswith("[]")
