"""The sections of the benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.clock import one_core
from bench.daemon import daemon_tables, start_table
from bench.growth import fields_table, photograph_table, resolution_table, templates_table
from bench.idle import idle_tables
from bench.page import kind_table, stage_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.conditions import Bench
    from bench.table import Table


ONE_CORE: Mapping[str, Callable[[Bench], list[Table]]] = {
    "stages": stage_table,
    "kinds": kind_table,
    "fields": fields_table,
    "templates": templates_table,
    "resolution": resolution_table,
    "photographs": photograph_table,
}
ALL_CORES: Mapping[str, Callable[[Bench], list[Table]]] = {
    "daemon": daemon_tables,
    "start": start_table,
    "idle": idle_tables,
}
SECTIONS = (*ONE_CORE, *ALL_CORES)


def measure(section: str, bench: Bench) -> list[Table]:
    """Run one section; what times a page does it on one core."""
    if section in ALL_CORES:
        return ALL_CORES[section](bench)
    with one_core():
        return ONE_CORE[section](bench)
