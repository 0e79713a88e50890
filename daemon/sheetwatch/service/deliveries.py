"""Make CSVs, review folder and archive say what the ledger says: do what is owed, note it as done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sheetwatch.delivery import archive, review_folder, rolling
from sheetwatch.delivery.answers import answer_sheet, doubtful_fields
from sheetwatch.delivery.words import ReviewNote, review_text
from sheetwatch.files import remove_folder
from sheetwatch.intake.folders import Root
from sheetwatch.ledger import CsvFile, OpenReview, retention, reviews, rows, scans
from sheetwatch.service import decisions, late_answers
from sheetwatch.service.archiving import Archiving
from sheetwatch.service.clock import local_day
from sheetwatch.service.site import PROGRAM, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sheetwatch.ledger.records import ReviewFiles

T = TypeVar("T")
_REVIEWS_AT_ONCE = 20


class Deliveries:
    """The folders that people look into. Only the holder of the daemon's lock may use it."""

    def __init__(
        self,
        site: Site,
        notice: Callable[[str], None] = lambda _: None,
        problem: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`notice`: told what is good to know; `problem`: told what needs a person."""
        self._site = site
        self._notice = notice
        settings = site.settings
        self._results = Root.of("results", settings.results)
        self._review = Root.of("review", settings.review)
        self._archive = Root.of("archive", settings.archive)
        self._archiving = Archiving(site, problem)

    def everything(self) -> None:
        """All that is owed, or due, but for corrections."""
        self.carry_out_decisions()
        self.deliver_rows()
        self.deliver_reviews()
        self.archive_scans()

    def carry_out_decisions(self) -> bool:
        """Carry out what was decided on the operator's pages, and may not be undone any more."""
        return decisions.carry_out_due(self._site)

    def deliver_rows(self) -> bool:
        """Append owed rows to their CSVs. Like the other stages, False when nothing is owed."""
        with self._site.ledger.reading() as tx:
            files = rows.files_with_owed_rows(tx)
        if files:
            self._results.check()
            each(files, self._deliver_file)
        return bool(files)

    def deliver_corrections(self) -> bool:
        """Make CSVs again in which rows were corrected; left to the daemon, whose notices are seen.

        After `deliver_rows`, which mends what a killed process left half appended: a file is then as it was
        delivered, or somebody's edit.
        """
        with self._site.ledger.reading() as tx:
            files = rows.files_with_corrected_rows(tx)
        if files:
            self._results.check()
            each(files, self._correct_file)
        return bool(files)

    def _correct_file(self, file: CsvFile) -> None:
        """Make a CSV again in which rows were corrected; one that somebody edited or moved is theirs."""
        with self._site.ledger.reading() as tx:
            lines = rows.delivered_rows(tx, file.csv_file)
        before = "".join([file.header, *(line.before for line in lines)]).encode()
        after = "".join([file.header, *(line.after for line in lines)]).encode()
        done = rolling.rewrite(self._path(file), before, after)
        if done is None:
            self._leave_to_the_office(file)
            return
        changed = [line for line in lines if line.before != line.after]
        with self._site.ledger.transaction() as tx:
            rows.rewritten(tx, file.csv_file, changed, size_bytes=done.size_bytes, fingerprint=done.fingerprint)
        self._site.log.info("csv_corrected", csv=file.name, rows=len(changed))

    def _leave_to_the_office(self, file: CsvFile) -> None:
        """Today's CSV is made again, as whenever somebody changed it; those of earlier days are left alone."""
        with self._site.ledger.transaction() as tx:
            rows.left_to_the_office(tx, file.csv_file)
        if file.day == local_day(self._site.clock.now()).isoformat():
            self._deliver_file(replace(file, fingerprint=None))
            return
        self._site.log.warning("csv_left_alone", csv=file.name, what="a row of it was corrected later")
        self._notice(
            f"a row of {file.name} was corrected later; the file was edited or moved, so it was left alone: "
            "sheetwatch export has the row as it is now"
        )

    def check_results(self) -> None:
        """Notice what was done to today's CSVs, and make them say again what they must."""
        self._results.check()
        with self._site.ledger.reading() as tx:
            files = rows.files_of_day(tx, local_day(self._site.clock.now()))
        each([file for file in files if not rolling.looks_untouched(self._path(file), self._known(file))], self._mend)

    def _mend(self, file: CsvFile) -> None:
        if file.delivered_bytes:
            self._deliver_file(file)

    def _path(self, file: CsvFile) -> Path:
        return self._site.settings.results / file.name

    def _known(self, file: CsvFile) -> rolling.Known:
        def lines() -> list[str]:
            with self._site.ledger.reading() as tx:
                return rows.delivered_lines(tx, file.csv_file)

        return rolling.Known(
            header=file.header, delivered_bytes=file.delivered_bytes, fingerprint=file.fingerprint, lines=lines
        )

    def _deliver_file(self, file: CsvFile) -> None:
        with self._site.ledger.reading() as tx:
            lines = rows.owed_lines(tx, file.csv_file)
        done = rolling.deliver(self._path(file), self._known(file), lines)
        with self._site.ledger.transaction() as tx:
            rows.delivered(tx, file.csv_file, lines, size_bytes=done.size_bytes, fingerprint=done.fingerprint)
        if lines:
            self._site.log.info("rows_delivered", csv=file.name, rows=len(lines))
        if done.surprise:
            self._report(file, done)

    def _report(self, file: CsvFile, done: rolling.Delivered) -> None:
        names = ", ".join(path.name for path in done.kept_aside)
        kept = f"; what was found is kept as {names}" if names else ""
        what = "was missing" if done.surprise is rolling.Surprise.MISSING else "was altered by somebody"
        self._site.log.warning("csv_made_again", csv=file.name, what=done.surprise, kept=names)
        self._notice(f"{file.name} {what} and was made again from the ledger{kept}")

    def check_review(self) -> None:
        """Raise EnvironmentFault when the review folder cannot be used."""
        self._review.check()

    def check_archive(self) -> None:
        """Raise EnvironmentFault when the archive cannot be used."""
        self._archive.check()

    def deliver_reviews(self) -> bool:
        """Put pages into the review folder, and take decided ones out."""
        with self._site.ledger.reading() as tx:
            opening, closing = reviews.opening_reviews(tx, _REVIEWS_AT_ONCE), scans.closing_reviews(tx)
        if not (opening or closing):
            return False
        self._review.check()
        each([*(partial(self._close, one) for one in closing), *(partial(self._open, one) for one in opening)], _run)
        return True

    def _close(self, closed: ReviewFiles) -> None:
        late_answers.keep_after_decision(self._site, closed)
        review_folder.withdraw(self._site.settings.review, closed.stem, closed.page_name)
        if closed.returned_to is not None:  # some move the picture and the text back as well
            review_folder.withdraw(closed.returned_to, closed.stem, None)
        with self._site.ledger.transaction() as tx:
            reviews.closed(tx, closed.review)

    def _open(self, review: OpenReview) -> None:
        page_name = page_file_name(review)
        work_file = self._site.work_file(review.folder, review.suffix)
        page = work_file.with_name(review.image) if review.image else work_file
        picture = work_file.with_name(review.picture) if review.picture else None
        fields = review.form.fields if review.form else ()
        contents = review_folder.Contents(
            page=page if page.exists() else None,
            page_name=page_name,
            picture=picture if picture and picture.exists() else None,
            text=note_text(review),
            sheet=answer_sheet(fields, review.readings, review.reasons),
        )
        late_answers.keep_before_placing(self._site, review)
        displaced = partial(late_answers.keep_displaced, self._site, review)
        placed = review_folder.place(self._site.settings.review, review.stem, contents, displaced)
        with self._site.ledger.transaction() as tx:
            reviews.opened(
                tx,
                review.review,
                page_name=page_name,
                page_sha256=placed.page_sha256,
                sheet_sha256=placed.sheet_sha256,
            )
        self._site.log.info("review_opened", sheet_id=review.sheet_id, stem=review.stem)

    def archive_scans(self) -> bool:
        """Move settled scans to the archive, and clear their work folders."""
        with self._site.ledger.reading() as tx:
            settled = scans.settled_scans(tx)
        if settled:
            self._archive.check()
            self._archiving.put_away(settled)
        return bool(settled)

    def forget_old(self) -> None:
        """Remove archive days, and ledger entries, that the settings no longer keep."""
        keep, today = self._site.settings.retention, local_day(self._site.clock.now())
        if keep.archive_days:
            oldest = today - timedelta(days=keep.archive_days)
            each(archive.days_before(self._site.settings.archive, oldest), self._forget_day)
        if keep.ledger_days:
            with self._site.ledger.transaction() as tx:
                forgotten = retention.forget_before(tx, today - timedelta(days=keep.ledger_days))
            if forgotten:
                self._site.log.info("ledger_entries_removed", scans=forgotten)

    def _forget_day(self, folder: Path) -> None:
        remove_folder(folder)
        self._site.log.info("archive_day_removed", day=folder.name)


def _run(action: Callable[[], None]) -> None:
    action()


def page_file_name(review: OpenReview) -> str:
    """The name of the page itself in the review folder."""
    return f"{review.stem}.png" if review.image else f"{review.stem}{review.suffix}"


def note_text(review: OpenReview) -> str:
    """The text beside a page in review."""
    form = review.form
    made_by = [PROGRAM, *([f"model {review.model}"] if review.model else [])]
    if form:
        made_by.append(f"template {form.name} {form.revision}")
    return review_text(
        ReviewNote(
            stem=review.stem,
            sheet_id=review.sheet_id,
            source=review.source_name,
            page=review.page_index,
            page_count=review.page_count,
            page_name=page_file_name(review),
            template=form.name if form else None,
            made_by=", ".join(made_by),
            opened_at=review.opened_at,
            reasons=review.reasons,
            doubtful=doubtful_fields(form.fields, review.readings, review.reasons) if form else (),
            has_picture=review.picture is not None,
            problem=review.problem,
        )
    )


def each(items: Iterable[T], action: Callable[[T], None]) -> None:
    """Do something for every item, also when it fails for some. Raises the first OSError at the end."""
    errors: list[OSError] = []
    for item in items:
        try:
            action(item)
        except OSError as error:
            errors.append(error)
    if errors:
        raise errors[0]
