"""What a machine must have to read pages for a daemon (its badge), and what the daemon gives it (the kit).

Badge: the program and the model, installed there; they must be the daemon's own. Kit: templates, limits and rules,
which are the daemon's configuration and travel to the workers, named by their content.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sheetwatch import __version__
from sheetwatch.domain import Accept, Limits, Pages, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sheetwatch.domain import Template

PROTOCOL = 1
"""What daemon and worker say to each other; counted up when that changes."""

_BADGE = re.compile(r"sheetwatch (\S+) protocol ([0-9]+) model ([0-9a-f]{64}) (.+)", re.DOTALL)
_QUICK = 1  # of zlib's levels: blank sheets get small with any


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """What is installed where pages are read.

    `model_sha256`: of the model's manifest, which holds the checksum of its weights and their calibration. As text it
    is the name of a Dask resource: pages ask for it, so that the scheduler itself gives them to nobody else.
    """

    model: str
    model_sha256: str
    program: str = __version__
    protocol: int = PROTOCOL

    def __str__(self) -> str:
        return f"sheetwatch {self.program} protocol {self.protocol} model {self.model_sha256} {self.model}"

    @classmethod
    def among(cls, resources: Iterable[str]) -> Self | None:
        """The badge among a Dask worker's resources; None where it shows none."""
        for found in filter(None, map(_BADGE.fullmatch, resources)):
            return cls(program=found[1], protocol=int(found[2]), model_sha256=found[3], model=found[4])
        return None

    def lacks(self, other: Self | None) -> tuple[str, str] | None:
        """Why somebody with that badge cannot read for us, and the mend; None if they can."""
        if other is None:
            return "is a plain Dask worker", "end it, and start `sheetwatch worker` there"
        if (other.program, other.protocol) != (self.program, self.protocol):
            theirs, ours = (f"{one.program} (protocol {one.protocol})" for one in (other, self))
            return f"runs Sheetwatch {theirs}, this daemon {ours}", "install the same version on both"
        if other.model_sha256 != self.model_sha256:
            theirs, ours = (f"{one.model} ({one.model_sha256[:12]})" for one in (other, self))
            mend = "start it with the daemon's model: sheetwatch worker --model FILE"
            return f"has the model {theirs}, this daemon {ours}", mend
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Templates on their way: compressed, and opened only where pages are read."""

    data: bytes

    @classmethod
    def of(cls, templates: tuple[Template, ...]) -> Self:
        """Pack them."""
        return cls(data=zlib.compress(pickle.dumps(templates, protocol=5), _QUICK))

    def templates(self) -> tuple[Template, ...]:
        """Unpack them. They come from the daemon that asks for the reading; see deploy/cluster.md on trust."""
        templates: tuple[Template, ...] = pickle.loads(zlib.decompress(self.data))  # noqa: S301 - as the docstring says
        for template in templates:
            template.reference.setflags(write=False)
        return templates


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What a daemon's pages are read with. `key`: names the content."""

    key: str
    accept: Accept
    limits: Limits
    pages: Pages
    packed: Packed

    @classmethod
    def of(cls, settings: Settings, templates: tuple[Template, ...]) -> Self:
        """The kit of these settings."""
        digest = hashlib.sha256(repr((settings.accept, settings.limits, settings.pages)).encode())
        for text in _content(templates):
            digest.update(f"{text}\0".encode())
        return cls(
            key=digest.hexdigest(),
            accept=settings.accept,
            limits=settings.limits,
            pages=settings.pages,
            packed=Packed.of(templates),
        )

    def settings(self, *, workers: int, model: Path | None) -> Settings:
        """The settings of a worker that reads with this kit."""
        return Settings(accept=self.accept, limits=self.limits, pages=self.pages, workers=workers, model=model)


def _content(templates: tuple[Template, ...]) -> Iterator[str]:
    """What tells sets of templates apart: their revisions, and the rosters, which no revision covers."""
    for template in templates:
        yield f"{template.name} {template.revision}"
        for field in template.fields:
            if field.roster is not None:
                yield from (field.name, *sorted(field.roster.values))
