"""Rows and corrections follow into a shared PostgreSQL: a real server, the office's loop, workers that read text."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import FieldKind, Retention
from sheetwatch.ledger import all_sheets, mirror, open_reviews
from sheetwatch.ledger.browse import row_detail
from sheetwatch.ledger.records import Decider
from sheetwatch.service import corrections, mirror_sender
from sheetwatch.service.health import read_health
from sheetwatch.service.report import report_of
from sheetwatch.service.site import LEDGER_NAME
from support.office import FIELDS, TEMPLATE, Office, doubt, row, sheet
from support.postgres import Server, server
from support.shared import in_database, in_ledger, is_equal, shared_office, turn_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 86_400
_numbers = itertools.count()


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture
def schema() -> str:
    """One of a test's own."""
    return f"s{next(_numbers)}"


@pytest.fixture
def office(tmp_path: Path, postgres: Server, schema: str) -> Iterator[Office]:
    with shared_office(tmp_path, postgres, schema) as office:
        yield office


def settle(office: Office, postgres: Server) -> None:
    """Until the database holds the ledger's rows, and the ledger knows."""
    office.settle()
    turn_until(office, lambda: is_equal(office, postgres) and owes(office) == 0)


def owes(office: Office) -> int | None:
    return mirror.waiting(office.ledger)


def correct(office: Office, number: int, **values: str) -> None:
    detail = row_detail(office.ledger, number)
    assert detail
    who = Decider(at=office.clock.now(), by="somebody", via="web")
    corrections.correct(office.site, detail, corrections.values_of(detail, values)[0], who)


def test_rows_arrive_as_they_stand_in_the_csv(office: Office, postgres: Server, schema: str) -> None:
    office.drop("a.jpg", sheet(row(1), row(12, q1="7.5", total="")))
    office.drop("b.jpg", sheet("blank", row(3)))
    settle(office, postgres)
    assert len(in_database(postgres, schema)) == 3
    (one,) = postgres.sql("SELECT * FROM sheetwatch_rows WHERE values->>'roll' = '0012'", schema=schema)
    (line,) = (line.split(",") for line in office.csv_lines() if "0012" in line)
    columns = ("box", "sheet_id", "page", "template", "template_revision", "read_at", "status", "source", "values",
               "confidence", "model", "program", "csv", "changed_at", "withdrawn_at")  # fmt: skip
    found = dict(zip(columns, one, strict=True))
    assert found["read_at"] == datetime.fromisoformat(line[1])
    assert found["values"] == {"roll": "0012", "q1": "7.5", "total": ""}
    assert (found["source"], found["confidence"], found["model"]) == ("a.jpg", 0.9991, "fake-1")
    assert (found["template"], found["template_revision"]) == ("exam", "abc123")
    assert found["program"].startswith("sheetwatch ")


def test_corrections_and_decisions_replace_what_was_there(office: Office, postgres: Server, schema: str) -> None:
    office.drop("a.jpg", sheet(row(1), row(2), doubt(3)))
    settle(office, postgres)
    before = dict(postgres.sql("SELECT sheet_id, changed_at FROM sheetwatch_rows", schema=schema))
    correct(office, 1, q1="9")
    (review,) = open_reviews(office.ledger)
    path = office.settings.review / f"{review.stem}.review.csv"
    path.write_text(path.read_text().replace("?", "ok"))
    turn_until(office, lambda: len(in_database(postgres, schema)) == 3)
    settle(office, postgres)
    assert [(line[2], line[3]["q1"]) for line in in_database(postgres, schema)] == [
        ("corrected", "9"),
        ("auto", "7"),
        ("corrected", "7"),
    ]
    after = dict(postgres.sql("SELECT sheet_id, changed_at FROM sheetwatch_rows", schema=schema))
    assert [sheet_id for sheet_id in before if after[sheet_id] != before[sheet_id]] == [min(before)]


def test_a_view_has_a_column_for_each_field_and_grows_with_the_form(
    office: Office, postgres: Server, schema: str
) -> None:
    office.drop("a.jpg", sheet(row(1, total="")))
    settle(office, postgres)
    assert postgres.sql("SELECT roll, q1, total FROM sheetwatch_exam", schema=schema) == [("0001", 7, None)]
    postgres.sql("CREATE VIEW of_an_office AS SELECT roll FROM sheetwatch_exam", schema=schema)
    new = replace(FIELDS[1], name="box", kind=FieldKind.INTEGER)
    office.worker.template = replace(TEMPLATE, fields=(*FIELDS, new), revision="def456")
    office.drop("b.jpg", sheet(row(2) + " box=3"))
    turn_until(office, lambda: len(in_database(postgres, schema)) == 2)
    assert postgres.sql('SELECT roll, "box (field)" FROM sheetwatch_exam ORDER BY roll', schema=schema) == [
        ("0001", None),
        ("0002", 3),
    ]


def test_a_form_that_is_called_like_a_table_of_ours_has_a_view_too(
    office: Office, postgres: Server, schema: str
) -> None:
    office.worker.template = replace(TEMPLATE, name="rows")
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    (view,) = postgres.sql("SELECT viewname::text FROM pg_views WHERE schemaname = %s", schema)
    assert view[0].startswith("sheetwatch_rows_")
    assert not office.logged("view_not_made")


def test_what_was_taken_for_a_number_once_is_told(office: Office, postgres: Server, schema: str) -> None:
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    digits = replace(FIELDS[1], kind=FieldKind.DIGITS)
    office.worker.template = replace(TEMPLATE, fields=(FIELDS[0], digits, FIELDS[2]), revision="def456")
    office.drop("b.jpg", sheet(row(2, q1="007")))
    settle(office, postgres)
    assert "shows q1 as a number" in str(office.logged("view_not_made"))
    assert [line[3]["q1"] for line in in_database(postgres, schema)] == ["7", "007"], "the rows lack nothing"


def test_an_outage_leaves_everything_else_alone_and_is_caught_up_with(tmp_path: Path) -> None:
    with server() as own, shared_office(tmp_path, own, "s") as office:
        office.drop("a.jpg", sheet(row(1)))
        settle(office, own)
        own.stop()
        for number in range(2, 40):
            office.drop(f"{number}.jpg", sheet(row(number), doubt(100 + number)))
        turn_until(office, lambda: len(office.csv_lines()) == 39 and office.service.mirror_trouble is not None)
        assert len(open_reviews(office.ledger)) == 38
        correct(office, 1, q1="9")
        office.run_for(5)
        assert "9" in office.csv_lines()[0].split(",")
        assert not office.service.faults.current
        report = report_of(office.settings, last=0)
        assert report.database_waits == 39
        health = read_health(office.settings.state)
        assert health
        assert health.state == "running"
        assert "the database has not been reached since" in str(health.database)
        own.start()
        settle(office, own)
        office.run_for(1)
        health = read_health(office.settings.state)
        assert health
        assert health.database is None
        assert office.logged("database_works_again")


def test_a_kill_between_the_commit_there_and_the_note_here_doubles_nothing(
    office: Office, postgres: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("a.jpg", sheet(row(1), row(2)))
    settle(office, postgres)
    with monkeypatch.context() as patched:
        patched.setattr(mirror, "note_sent", lambda *_, **__: None)
        office.drop("b.jpg", sheet(row(3), row(4)))
        turn_until(office, lambda: len(in_database(postgres, schema)) == 4)
        office.close()
    before = postgres.sql("SELECT * FROM sheetwatch_rows ORDER BY sheet_id", schema=schema)
    office._open()
    assert owes(office) == 2
    settle(office, postgres)
    assert postgres.sql("SELECT * FROM sheetwatch_rows ORDER BY sheet_id", schema=schema) == before, (
        "nor writes it again"
    )
    assert not office.logged("database_differs")


@pytest.mark.parametrize("loss", ["DELETE FROM {}.sheetwatch_rows", "DROP SCHEMA {} CASCADE"])
def test_a_database_restored_from_an_older_backup_gets_everything_again(
    office: Office, postgres: Server, schema: str, loss: str
) -> None:
    office.drop("a.jpg", sheet(row(1), row(2)))
    settle(office, postgres)
    postgres.sql(loss.format(schema))
    if "DELETE" in loss:
        postgres.sql("UPDATE sheetwatch_boxes SET token = 'of an older time'", schema=schema)
    office.restart()
    settle(office, postgres)
    assert len(in_database(postgres, schema)) == 2
    assert postgres.sql("SELECT count(*) FROM sheetwatch_exam", schema=schema) == [(2,)]


def test_a_database_restored_before_the_first_comparison_gets_everything_again(
    office: Office, postgres: Server, schema: str
) -> None:
    office.drop("a.jpg", sheet(row(1), row(2)))
    settle(office, postgres)
    turn_until(office, lambda: not due(office))
    with office.ledger.transaction() as tx:
        tx.execute("UPDATE mirror SET compare = 7")
    office.close()
    postgres.sql("DELETE FROM sheetwatch_rows", schema=schema)
    postgres.sql("UPDATE sheetwatch_boxes SET token = 'of an older time'", schema=schema)
    office._open()
    settle(office, postgres)
    assert len(in_database(postgres, schema)) == 2


def test_a_ledger_restored_from_an_older_backup_withdraws_what_it_does_not_know(
    office: Office, postgres: Server, schema: str, tmp_path: Path
) -> None:
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    office.close()
    shutil.copy(office.settings.state / LEDGER_NAME, tmp_path / "backup.db")
    office._open()
    office.drop("b.jpg", sheet(row(2), row(3)))
    settle(office, postgres)
    office.close()
    shutil.copy(tmp_path / "backup.db", office.settings.state / LEDGER_NAME)
    office._open()
    settle(office, postgres)
    assert len(in_database(postgres, schema)) == 1
    assert postgres.sql("SELECT count(*) FROM sheetwatch_rows WHERE withdrawn_at IS NOT NULL", schema=schema) == [(2,)]
    assert postgres.sql("SELECT count(*) FROM sheetwatch_exam", schema=schema) == [(1,)]
    office.drop("c.jpg", sheet(row(4)))  # takes the number of a sheet that was withdrawn
    settle(office, postgres)
    assert [line[3]["roll"] for line in in_database(postgres, schema)] == ["0001", "0004"]


def test_what_retention_forgets_stays_in_the_database_and_never_goes_before_it_is_there(tmp_path: Path) -> None:
    with server() as own, shared_office(tmp_path, own, "s") as made:
        made.close()
        kept = Office(settings=replace(made.settings, retention=Retention(ledger_days=30)))
        with kept as office:
            office.drop("a.jpg", sheet(row(1)))
            settle(office, own)
            own.stop()
            office.drop("b.jpg", sheet(row(2)))
            turn_until(office, lambda: office.service.mirror_trouble is not None)
            office.clock.advance(90 * DAY_S)
            office.settle()
            assert [line.source_name for line in all_sheets(office.ledger)] == ["a.jpg", "b.jpg"], "one CSV, kept whole"
            own.start()
            turn_until(office, lambda: len(in_database(own, "s")) == 2 and owes(office) == 0)
            office.clock.advance(2 * DAY_S)
            office.settle()
            assert not all_sheets(office.ledger)
            with office.ledger.transaction() as tx:
                mirror.send_all(tx)
            turn_until(office, lambda: not due(office))
            assert len(in_database(own, "s")) == 2, "forgotten is not withdrawn"
        made._open()


def due(office: Office) -> bool:
    with office.ledger.reading() as tx:
        return any(mirror.due(tx))


def test_two_boxes_share_the_table_and_no_name(office: Office, postgres: Server, schema: str, tmp_path: Path) -> None:
    with shared_office(tmp_path / "other", postgres, schema, "b") as other:
        for place, roll in ((office, 1), (other, 2)):
            place.drop("a.jpg", sheet(row(roll), row(roll + 10)))
        settle(office, postgres)
        settle(other, postgres)
    assert postgres.sql("SELECT box, roll FROM sheetwatch_exam ORDER BY 1, 2", schema=schema) == [
        ("a", "0001"),
        ("a", "0011"),
        ("b", "0002"),
        ("b", "0012"),
    ]
    with shared_office(tmp_path / "third", postgres, schema, "a") as third:
        turn_until(third, lambda: third.service.mirror_trouble is not None)
        assert "another installation is called 'a' already" in str(third.service.mirror_trouble)
        with third.ledger.transaction() as tx:
            mirror.send_all(tx, take_over=True)
        turn_until(third, lambda: not due(third))
    assert in_database(postgres, schema, "a") == []
    assert len(in_database(postgres, schema, "b")) == 2


def test_a_box_that_was_renamed_is_told_so(office: Office, postgres: Server, schema: str) -> None:
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    office.close()
    office.settings = replace(office.settings, mirror=replace(office.settings.mirror, box="z"))
    office._open()
    turn_until(office, lambda: office.service.mirror_trouble is not None)
    assert "called 'a' in the database, and 'z' in results.box" in str(office.service.mirror_trouble)
    postgres.sql("UPDATE sheetwatch_boxes SET box = 'z'", schema=schema)
    settle(office, postgres)
    assert len(in_database(postgres, schema, "z")) == 1


_FULL_DISK = """
    CREATE FUNCTION full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON sheetwatch_rows EXECUTE FUNCTION full()
"""


@pytest.mark.parametrize(
    ("break_it", "mend_it", "words"),
    [
        ("REVOKE INSERT ON sheetwatch_rows FROM {0}", "GRANT INSERT ON sheetwatch_rows TO {0}", "--prepare"),
        ("ALTER ROLE {0} SET default_transaction_read_only = on", "ALTER ROLE {0} RESET ALL", "standby or in recovery"),
        ("ALTER ROLE {0} NOLOGIN", "ALTER ROLE {0} LOGIN", "not permitted to log in"),
        ("ALTER ROLE {0} CONNECTION LIMIT 0", "ALTER ROLE {0} CONNECTION LIMIT -1", "too many connections"),
        ("UPDATE sheetwatch_version SET version = 2", "UPDATE sheetwatch_version SET version = 1", "newer"),
        (_FULL_DISK, "DROP TRIGGER full_disk ON sheetwatch_rows", "free some space on the server's disk"),
    ],
)
def test_what_is_wrong_at_the_server_is_told_in_plain_words_and_waited_for(
    tmp_path: Path, postgres: Server, *, break_it: str, mend_it: str, words: str
) -> None:
    schema = f"s{next(_numbers)}"
    role = made_role(tmp_path / "first", postgres, schema)
    postgres.sql(break_it.format(role), schema=schema)
    with shared_office(tmp_path, postgres, schema, user=role) as office:
        office.drop("a.jpg", sheet(row(2)))
        turn_until(office, lambda: office.service.mirror_trouble is not None)
        assert words in str(office.service.mirror_trouble)
        turn_until(office, lambda: len(office.csv_lines()) == 1)
        postgres.sql(mend_it.format(role), schema=schema)
        settle(office, postgres)
        assert office.service.mirror_trouble is None


def made_role(base: Path, postgres: Server, schema: str) -> str:
    """The tables, and a role with the least rights."""
    with shared_office(base, postgres, schema, "first") as first:
        turn_until(first, lambda: not due(first))
    role = f"box_{schema}"
    postgres.sql(f"CREATE ROLE {role} LOGIN")
    postgres.sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    postgres.sql(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    return role


def test_without_the_right_to_make_views_rows_arrive_all_the_same(
    tmp_path: Path, postgres: Server, schema: str
) -> None:
    role = made_role(tmp_path / "first", postgres, schema)
    with shared_office(tmp_path, postgres, schema, user=role) as office:
        office.drop("a.jpg", sheet(row(1)))
        settle(office, postgres)
        assert "--prepare" in str(office.logged("view_not_made"))


@pytest.mark.parametrize(
    "name", [b"O'Brien; DROP TABLE x; --.jpg", b'"{$$}\\.jpg', b"caf\xe9 \xff\xfe.jpg", b"=cmd().jpg", b"a\nb\x01.jpg"]
)
def test_a_hostile_name_blocks_nothing(office: Office, postgres: Server, schema: str, name: bytes) -> None:
    office.drop(os.fsdecode(name), sheet(row(1)))
    office.drop("next.jpg", sheet(row(2)))
    settle(office, postgres)
    sources = {source for (source,) in postgres.sql("SELECT source FROM sheetwatch_rows", schema=schema)}
    assert sources == {line.source_name for line in all_sheets(office.ledger)}


def test_a_row_that_the_database_refuses_is_told_and_blocks_no_other(
    office: Office, postgres: Server, schema: str
) -> None:
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    postgres.sql("ALTER TABLE sheetwatch_rows ADD CHECK (values->>'roll' != '0003')", schema=schema)
    office.drop("b.jpg", sheet(row(2), row(3), row(4)))
    turn_until(office, lambda: len(in_database(postgres, schema)) == 3 and owes(office) == 0)
    (said,) = [line for line in report_of(office.settings, last=0).problems if "refused" in line]
    assert "1 rows" in said
    assert "mirror --again" in said
    postgres.sql("ALTER TABLE sheetwatch_rows DROP CONSTRAINT sheetwatch_rows_values_check", schema=schema)
    with office.ledger.transaction() as tx:
        mirror.send_all(tx)
    settle(office, postgres)


def test_a_server_that_does_not_answer_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_sender, "_STUCK_AFTER_S", 2)
    with server() as own, shared_office(tmp_path, own, "s") as office:
        office.drop("a.jpg", sheet(row(1)))
        settle(office, own)
        own.signal_all(signal.SIGSTOP)
        office.drop("b.jpg", sheet(row(2)))
        slowest_s = [0.0]

        def turn() -> bool:
            began_s = time.monotonic()
            office.run_for(1)
            slowest_s[0] = max(slowest_s[0], time.monotonic() - began_s)
            return office.service.mirror_trouble is not None

        turn_until(office, turn)
        assert len(office.csv_lines()) == 2
        assert slowest_s[0] < 1
        own.signal_all(signal.SIGCONT)
        settle(office, own)


def test_a_daemon_that_stops_waits_for_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sheetwatch.service.mirror._STOP_WITHIN_S", 1)
    with server() as own, shared_office(tmp_path, own, "s") as office:
        office.drop("a.jpg", sheet(row(1)))
        settle(office, own)
        own.signal_all(signal.SIGSTOP)
        office.drop("b.jpg", sheet(row(2)))
        turn_until(office, lambda: len(office.csv_lines()) == 2)
        began_s = time.monotonic()
        office.close()
        assert time.monotonic() - began_s < 5
        own.signal_all(signal.SIGCONT)
        office._open()
        settle(office, own)


def test_an_idle_daemon_hangs_up_and_writes_nothing(
    office: Office, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_sender, "_LINGER_S", 0.2)
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sheetwatch'"
    turn_until(office, lambda: postgres.sql(connections) == [(0,)])
    mark = office.ledger.change_mark()
    transactions = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'marks'"
    office.run_for(60)
    assert office.ledger.change_mark() == mark
    assert postgres.sql(connections) == [(0,)]
    assert postgres.sql(transactions)
    office.drop("b.jpg", sheet(row(2)))
    settle(office, postgres)


def test_a_ledger_that_leaves_the_database_carries_nothing_of_it(office: Office, postgres: Server, schema: str) -> None:
    office.drop("a.jpg", sheet(row(1)))
    settle(office, postgres)
    office.close()
    shared = office.settings
    office.settings = replace(shared, mirror=replace(shared.mirror, database=None))
    office._open()
    office.service._clean_up()
    office.drop("b.jpg", sheet(row(2)))
    office.settle()
    assert owes(office) is None
    assert report_of(office.settings, last=0).database_waits is None
    office.close()
    office.settings = shared
    office._open()
    settle(office, postgres)
    assert len(in_database(postgres, schema)) == 2


def test_what_an_older_program_forgot_waits_for_ever_no_more(office: Office) -> None:
    with office.ledger.transaction() as tx:
        mirror.switch_on(tx)
        tx.execute("INSERT INTO mirror_owed (row) VALUES (999)")
    turn_until(office, lambda: not due(office))


def test_a_ledger_of_before_sends_the_rows_that_it_has(
    tmp_path: Path, postgres: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_sender, "_BATCH", 7)
    with shared_office(tmp_path, postgres, schema) as office:
        office.close()
        shared = office.settings
        office.settings = replace(shared, mirror=replace(shared.mirror, database=None))
        office._open()
        office.drop("a.jpg", sheet(*(row(number) for number in range(50))))
        turn_until(office, lambda: len(office.csv_lines()) == 50)
        office.close()
        office.settings = shared
        office._open()
        settle(office, postgres)
        assert len(in_database(postgres, schema)) == 50 == len(in_ledger(office.settings.state))
