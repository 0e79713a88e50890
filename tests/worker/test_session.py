"""A connection to a Dask scheduler that ends at an awkward moment."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sheetwatch.domain import EnvironmentFault
from sheetwatch.worker.badge import badge_of

dask = pytest.importorskip("distributed.client", reason="the extra `cluster` is not installed")
sessions = pytest.importorskip("sheetwatch.worker.session", reason="the extra `cluster` is not installed")


class ClosedClient:
    """As Dask's own is a moment after its scheduler was killed."""

    def submit(self, *_: object, **__: object) -> None:
        raise dask.ClosedClientError("Client is closed. Can't send update-graph message.")


def test_an_order_after_the_line_was_lost_is_a_fault_that_is_waited_for() -> None:
    client: Any = ClosedClient()
    session = sessions.Session(
        client=client, badge=badge_of(None), tell=lambda _: None, named=set(), crews={"tcp://there": 1}
    )
    with pytest.raises(EnvironmentFault, match="the line to the Dask scheduler was lost"):
        asyncio.run(session.ask(b"", within_s=5))
