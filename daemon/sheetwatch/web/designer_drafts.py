"""Drafts in progress: a folder each, in the state folder.

Kept by the server and not by the browser: the blank's picture, which takes megabytes, must be here anyway, and a
drawing of an afternoon should survive the browser, and be there for a colleague.

    state/designer/7/upload-03     an uploaded file, until it was used
    state/designer/7/sketch.json   what is drawn
    state/designer/7/form/         the template folder that it becomes: reference.png, template.yaml, lists
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.files import make_folder, remove_folder, write_atomically
from sheetwatch.web.designer_sketch import Sketch  # noqa: TC001 - msgspec asks for it when it decodes

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Limits

MOST_DRAFTS = 20
MOST_UPLOADS = 60
LARGEST_UPLOAD_BYTES = 50_000_000
_ALL_UPLOADS_BYTES = 400_000_000
_SPARE_BYTES = 500_000_000
"""What uploads leave free: a full disk would stop the daemon's intake."""

_SKETCH = "sketch.json"


class Outdated(Exception):  # noqa: N818 - somebody else was quicker, that is all
    """The draft was changed meanwhile, in another window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A draft as it is kept. `turn`: how often it was changed; who changes it must have seen the last change.

    `others`: left, top, width and height of rectangles that may be boxes, too. `lists`: the columns of each.
    """

    width_px: int
    height_px: int
    sketch: Sketch
    turn: int = 0
    notes: tuple[str, ...] = ()
    others: tuple[tuple[int, int, int, int], ...] = ()
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft's folder."""

    number: int
    folder: Path

    @property
    def form(self) -> Path:
        """The template folder that it becomes."""
        return self.folder / "form"

    @property
    def is_begun(self) -> bool:
        """Whether it has its blank."""
        return (self.folder / _SKETCH).is_file()

    def kept(self) -> Kept:
        """As it was kept last. Raises UsageError when it has no blank yet, or is damaged."""
        try:
            return msgspec.json.decode((self.folder / _SKETCH).read_bytes(), type=Kept)
        except FileNotFoundError as error:
            raise UsageError("this draft has no blank sheet yet; begin again") from error
        except msgspec.DecodeError as error:
            raise UsageError("this draft is damaged; remove it, and begin again") from error

    def keep(self, kept: Kept) -> None:
        """Write it down. Raises OSError."""
        write_atomically(self.folder / _SKETCH, msgspec.json.encode(kept))

    def upload(self, index: int) -> Path:
        """Where an uploaded file lies. Raises UsageError for a number that our page never sends."""
        if not 0 <= index < MOST_UPLOADS:
            raise UsageError(f"at most {MOST_UPLOADS} files can be given at once")
        return self.folder / f"upload-{index:02d}"

    def uploads(self) -> list[Path]:
        """The uploaded files, in order."""
        return sorted(self.folder.glob("upload-[0-9][0-9]"))

    def forget_uploads(self) -> None:
        """Remove the uploaded files: they were used."""
        for path in self.uploads():
            path.unlink(missing_ok=True)


@dataclass(slots=True, kw_only=True)
class Drafts:
    """All drafts of an installation."""

    root: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    working: threading.Lock = field(default_factory=threading.Lock)
    """Held while a process works on pictures: a small machine has room for one."""

    def listed(self) -> list[Draft]:
        """Every draft, newest first."""
        with contextlib.suppress(FileNotFoundError):
            numbers = sorted((int(path.name) for path in self.root.iterdir() if path.name.isdecimal()), reverse=True)
            return [Draft(number, self.root / str(number)) for number in numbers]
        return []

    def find(self, number: int) -> Draft | None:
        """The draft of this number."""
        draft = Draft(number, self.root / str(number))
        return draft if draft.folder.is_dir() else None

    def begin(self) -> Draft:
        """A new one. Where there is no room, one that never got its blank goes. Raises UsageError, OSError."""
        with self.lock:
            drafts = self.listed()
            given_up = [draft for draft in drafts if not draft.is_begun]
            if len(drafts) >= MOST_DRAFTS and given_up:
                remove_folder(given_up[-1].folder)
            elif len(drafts) >= MOST_DRAFTS:
                raise UsageError(f"there are {len(drafts)} drafts already; remove one that nobody needs, then begin")
            number = 1 + max((draft.number for draft in drafts), default=0)
            draft = Draft(number, self.root / str(number))
            make_folder(draft.form)
            return draft

    def add(self, draft: Draft, index: int, at_byte: int, piece: bytes, limits: Limits) -> int:
        """Add a piece to an uploaded file; returns how long it is now. Raises UsageError, EnvironmentFault, OSError."""
        path = draft.upload(index)
        with self.lock:
            if at_byte == 0:
                path.unlink(missing_ok=True)
            size_bytes = path.stat().st_size if path.exists() else 0
            if size_bytes != at_byte:
                raise UsageError("a piece of this file is missing; give it again")
            largest_bytes = min(LARGEST_UPLOAD_BYTES, int(limits.file_mb * 1_000_000))
            if size_bytes + len(piece) > largest_bytes:
                path.unlink(missing_ok=True)
                raise UsageError(
                    f"this file is larger than {largest_bytes // 1_000_000} MB; scan it at 300 dpi or less"
                )
            if sum(one.stat().st_size for one in draft.uploads()) + len(piece) > _ALL_UPLOADS_BYTES:
                raise UsageError("these files are too much together; 20 sheets are enough")
            if shutil.disk_usage(self.root).free < _SPARE_BYTES + len(piece):
                raise EnvironmentFault("the disk is nearly full; make room, then give the file again")
            with path.open("ab") as file:
                file.write(piece)
            return size_bytes + len(piece)

    def change(self, draft: Draft, turn: int, **changes: object) -> Kept:
        """Keep a change of the draft that somebody saw in this turn. Raises Outdated, UsageError, OSError."""
        with self.lock:
            kept = draft.kept()
            if kept.turn != turn:
                raise Outdated
            kept = replace(kept, turn=turn + 1, **changes)  # type: ignore[arg-type] # fields of Kept
            draft.keep(kept)
            return kept

    def remove(self, draft: Draft) -> None:
        """Remove it with all that lies in it."""
        with self.lock:
            remove_folder(draft.folder)
