"""Answers that operators typed into the sheets of the review folder."""

from __future__ import annotations

import pwd
import stat
from typing import TYPE_CHECKING

from sheetwatch.delivery import review_folder
from sheetwatch.delivery.answers import AnswerError, Discard, read_answer
from sheetwatch.domain import SheetwatchError, UsageError
from sheetwatch.files import sha256_of
from sheetwatch.intake.listing import Seen, is_temporary
from sheetwatch.intake.tracker import Tracker
from sheetwatch.ledger import OpenReview, held, reviews
from sheetwatch.ledger.records import Decider, ReviewFiles
from sheetwatch.names import plain_text
from sheetwatch.service import decisions, late_answers
from sheetwatch.service.deliveries import each, note_text

if TYPE_CHECKING:
    import os
    from collections.abc import Collection
    from pathlib import Path

    from sheetwatch.service.site import Site

VIA = "review CSV"


class Answers:
    """The sheets of the review folder, looked at like scans in the inbox: only what has settled is read."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tracker = Tracker(settle_s=site.settings.watch.settle_s)
        self._present: Collection[str] = ()
        self._misnamed: set[str] = set()

    @property
    def settling(self) -> int:
        """How many sheets were saved a moment ago."""
        return self._tracker.settling

    def next_due_s(self) -> float | None:
        """When a saved sheet may be ready."""
        return self._tracker.next_due_s()

    def take(self) -> None:
        """Look at the sheets, and decide by those that were answered. Raises OSError."""
        folder, now_s = self._site.settings.review, self._site.clock.monotonic_s()
        self._present = review_folder.present(folder)
        seen_now = [_seen(folder / name) for name in self._present if name.endswith(review_folder.SHEET)]
        self._tracker.observe([seen for seen in seen_now if seen is not None], now_s=now_s)
        each(self._tracker.ready(now_s=now_s), self._take_settled)
        self._point_out_misnamed()

    def put_back_missing(self) -> None:
        """Write anew the files of reviews that somebody removed, all of them: nothing was decided by that."""
        for files in self._open_files():
            if not any(name in self._present for name in _names_of(files)):
                with self._site.ledger.transaction() as tx:
                    reviews.reopen(tx, files.review)
                self._site.log.warning("review_files_missing", stem=files.stem, what="they are written anew")

    def _open_files(self) -> list[ReviewFiles]:
        with self._site.ledger.reading() as tx:
            return reviews.open_files(tx)

    def _take_settled(self, seen: Seen) -> None:
        """Take a sheet, and set it aside until it changes; one that a fault of the system kept back is tried again."""
        stem = plain_text(seen.path.name.removesuffix(review_folder.SHEET))
        with self._site.ledger.reading() as tx:
            review, closed = reviews.find_review(tx, stem), reviews.closed_with_stem(tx, stem)
            is_held = review is not None and held.is_held(tx, review.review)
        if is_held:  # too late for this answer, unless that decision is undone
            self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            return
        try:
            if review is not None:
                self._take_one(seen.path, review)
            elif closed is not None:  # saved, by a program that had it open, after it was decided
                late_answers.keep_after_decision(self._site, closed)
                review_folder.withdraw(self._site.settings.review, stem, None)
        except FileNotFoundError:  # a spreadsheet replaces it this moment
            return
        except (SheetwatchError, OSError):
            raise
        except Exception:  # one sheet that we have a bug for must not end the daemon again and again
            self._site.log.exception("program_fault", path=plain_text(str(seen.path)))
        self._tracker.set_aside(seen, now_s=self._site.clock.monotonic_s())

    def _take_one(self, path: Path, review: OpenReview) -> None:
        status = path.stat()
        if status.st_size > review_folder.LARGEST_SHEET_BYTES:
            self._refuse(review, "the file is far too large for an answer")
            return
        try:
            data = path.read_bytes()
        except PermissionError:
            self._refuse(review, "the file cannot be read; correct its rights, and save it again")
            return
        if review_folder.is_untouched(data, review.sheet_sha256):
            return
        sheet_sha256 = sha256_of(data)
        who = Decider(at=self._site.clock.now(), by=_name_of(status), via=VIA, sheet_sha256=sheet_sha256)
        try:
            self._decide(review, data, who)
        except AnswerError as error:
            self._refuse(review, str(error))
        except UsageError as error:  # somebody was quicker
            self._site.log.warning("answer_too_late", stem=review.stem, reason=str(error))

    def _decide(self, review: OpenReview, data: bytes, who: Decider) -> None:
        form = review.form
        answer = read_answer(data, form.fields if form else (), review.readings, review.reasons)
        if isinstance(answer, Discard):
            decisions.discard(self._site, review, who)
        elif answer is not None and form is not None:
            decisions.accept(self._site, review, form, answer, who)

    def _point_out_misnamed(self) -> None:
        """Say once of a workbook or a copy beside a sheet that nobody reads it."""
        misnamed = {name for name in self._present if _is_misnamed(name)}
        new, self._misnamed = misnamed - self._misnamed, misnamed
        for name in sorted(new):
            with self._site.ledger.reading() as tx:
                review = reviews.find_review(tx, plain_text(name.rpartition(".review")[0]))
            if review is not None:
                sheet = f"{review.stem}{review_folder.SHEET}"
                self._refuse(review, f"{plain_text(name)} is not read; save the answer as CSV, as {sheet}")

    def _refuse(self, review: OpenReview, problem: str) -> None:
        """Say in the text beside the page what was wrong; what the operator typed stays as it is."""
        with self._site.ledger.transaction() as tx:
            reviews.note_problem(tx, review.review, problem)
            noted = reviews.find_review(tx, review.stem)
        if noted is not None:
            review_folder.write_text(self._site.settings.review, review.stem, note_text(noted))
        self._site.log.warning("answer_refused", stem=review.stem, reason=problem)


def _is_misnamed(name: str) -> bool:
    """Whether a program, if let, saved an answer so: NAME.review.xlsx, NAME.review (1).csv, NAME.review.csv.txt."""
    return ".review" in name and not name.endswith(review_folder.OURS) and not is_temporary(name)


def _seen(path: Path) -> Seen | None:
    """The sheet as it lies there; None where it is gone, or is a link, a folder or a pipe, which answer nothing."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return Seen.of(path, status) if stat.S_ISREG(status.st_mode) else None


def _names_of(files: ReviewFiles) -> list[str]:
    return [f"{files.stem}{end}" for end in review_folder.OURS] + [files.page_name or ""]


def _name_of(status: os.stat_result) -> str:
    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return f"user {status.st_uid}"
