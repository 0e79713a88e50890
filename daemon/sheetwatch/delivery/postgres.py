"""A connection to the shared database that ends by itself when nobody answers, and its errors in plain words.

The only module, with `shared_table` and `shared_views`, that loads SQLAlchemy and psycopg (extra `cluster`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

from sheetwatch.domain import ConfigError, EnvironmentFault
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from psycopg import Connection as Wire
    from sqlalchemy import Connection

# For a network that swallows everything: nothing waits for it much longer than this. An address may say otherwise.
_BOUNDS: Mapping[str, str] = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "sheetwatch",
}
_STATEMENT_MS = 30_000
_LOCK_MS = 10_000
_MENDS = {
    "28": "correct the user in results.database, or its password in ~/.pgpass",
    "3D": "create the database, or correct results.database",
    "25006": "it is a standby or in recovery: wait, or name the primary",
    "42501": "let its owner run: sheetwatch mirror --prepare --grant ROLE",
    "53100": "free some space on the server's disk",
    "53": "the server is short of memory or connections: give it more",
    "55P03": "somebody locks the table: let them finish",
    "57014": "the server is too slow, or somebody locks the table",
    "57P": "wait until it runs again",
}
_MEND = "see that the server runs and can be reached, and that it knows user and password"
_PLEASE_REPORT = "look at the server's log"


class DatabaseFault(EnvironmentFault):
    """The database cannot be used now. `reached`: it answered, but refused. `refused_rows`: it was the rows' fault."""

    def __init__(self, message: str, *, reached: bool, refused_rows: bool = False) -> None:
        super().__init__(message)
        self.reached = reached
        self.refused_rows = refused_rows


def require(address: str) -> None:
    """Raise ConfigError where the extra is not installed, does not load, or does not understand the address."""
    try:
        import psycopg  # noqa: F401, PLC0415 - only where a database is configured
        import sqlalchemy  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(
            f"results.database needs SQLAlchemy and psycopg ({error}); install sheetwatch[cluster]: pip install "
            "'sheetwatch[cluster]'"
        ) from error
    parts_of(address)


def parts_of(address: str) -> dict[str, str]:
    """What libpq takes from an address. Raises ConfigError."""
    import psycopg  # noqa: PLC0415 - only where a database is configured

    try:
        given = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error:  # its words may hold parts of the password
        raise ConfigError(
            "results.database: libpq does not understand this address; write postgresql://USER@HOST/DATABASE"
        ) from None
    return {key: str(value) for key, value in given.items()}


class Database:
    """The connection to an address. One thread uses it; another one may cut it, which ends whatever waits for it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._wire: Wire[Any] | None = None
        self._guard = threading.Lock()
        self._opened: Connection | None = None
        self._secret = ""
        self.name = ""

    def __enter__(self) -> Self:
        """Connect. Raises DatabaseFault."""
        from sqlalchemy import create_engine  # noqa: PLC0415 - only where a database is configured
        from sqlalchemy.pool import NullPool  # noqa: PLC0415

        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=NullPool,
            use_native_hstore=False,
            hide_parameters=True,
        )
        try:
            with self._in_words():
                self._opened = engine.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with self._guard:
            wire, self._wire = self._wire, None
        for open_one in (self._opened, wire):
            if open_one is not None:
                with contextlib.suppress(Exception):  # it may be cut off already
                    open_one.close()
        self._opened = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, with bounds on how long a statement may take. Raises DatabaseFault."""
        from sqlalchemy import text  # noqa: PLC0415 - loaded by now

        if self._opened is None:
            raise RuntimeError("not connected")
        with self._in_words(), self._opened.begin():
            self._opened.execute(
                text(
                    "SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)"
                ),
                {"statement": str(_STATEMENT_MS), "lock": str(_LOCK_MS)},
            )
            yield self._opened

    def cut(self) -> None:
        """Let whatever waits for the server fail at once. Safe from any thread."""
        with self._guard, contextlib.suppress(Exception):  # gone already
            if self._wire is not None:
                with socket.socket(fileno=os.dup(self._wire.fileno())) as stream:
                    stream.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> Wire[Any]:
        import psycopg  # noqa: PLC0415 - only where a database is configured

        given = parts_of(self._address)
        self._secret = given.get("password", "")
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of what it raises too
        wire: Wire[Any] = psycopg.connect(psycopg.conninfo.make_conninfo(**{**_BOUNDS, **given}))
        with self._guard:
            self._wire = wire
        self.name = f"{wire.info.dbname} on {wire.info.host or 'this machine'}"
        return wire

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn the errors of psycopg, wrapped by SQLAlchemy or not, into ours."""
        import psycopg  # noqa: PLC0415 - loaded by now
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

        try:
            yield
        except DBAPIError as error:
            raise self._fault(error.orig) from None  # the original holds the statement with everybody's marks
        except psycopg.Error as error:
            raise self._fault(error) from None

    def _fault(self, error: BaseException | None) -> DatabaseFault:
        state = getattr(error, "sqlstate", None) or ""
        primary = getattr(getattr(error, "diag", None), "message_primary", None)
        said = "; ".join(line.strip() for line in (primary or str(error)).splitlines() if line.strip())
        if self._secret:
            said = said.replace(self._secret, "***")
        mend = next((_MENDS[state[:size]] for size in (5, 3, 2) if state[:size] in _MENDS), None)
        mend = mend or (_PLEASE_REPORT if state else _MEND)
        return DatabaseFault(
            plain_text(f"{f'{self.name}: ' if self.name else ''}{said}; {mend}"),
            reached=bool(state) and state[:2] not in {"08", "57"},
            # Not 23503: the box itself is missing there, whatever the rows say.
            refused_rows=state[:2] == "22" or state in {"23502", "23505", "23514"},
        )
