"""Take up a scan for good: written down, moved into work, counted; or undone without a trace."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.files import written_ns
from sheetwatch.intake import claim as moves
from sheetwatch.ledger import OpenReview, reviews, scans
from sheetwatch.ledger.records import Claim, NewScan
from sheetwatch.names import plain_text, safe_suffix
from sheetwatch.service.site import PROGRAM, Site

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from sheetwatch.intake.folders import Root
    from sheetwatch.intake.listing import Seen
    from sheetwatch.ledger import Transaction
    from sheetwatch.worker import Probe


class Taken(Enum):
    """What became of a claim."""

    OURS = auto()
    NOT_AS_SEEN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Return:
    """What a scan means for a page in review, when it is one that an operator moved back."""

    returns_page: int | None = None
    replaces_page: int | None = None
    keep: bool = True


class Claims:
    """The claims of a site, and the inboxes that they come from."""

    def __init__(self, site: Site, inboxes: Sequence[Root]) -> None:
        self._site = site
        self._inboxes = inboxes

    def take(self, opened: Sequence[tuple[Seen, Probe]]) -> list[Taken | PermissionError]:
        """Claim scans that were opened, which differ in content and stem: of two that do not, one must be known first.

        Returns for each whether it was still as it was seen, or why the system does not let it be taken out of its
        inbox; nothing is then left of the claim. Raises OSError and LedgerError, which leave claims for `finish_open`.
        """
        with self._site.ledger.transaction() as tx:
            claims = [scans.begin_claim(tx, self._new_scan(tx, seen, probe)) for seen, probe in opened]
        work_files = [self._site.work_file(claim.scan_id, claim.suffix) for claim in claims]
        found = moves.take_all([(seen, file) for (seen, _), file in zip(opened, work_files, strict=True)])
        results: list[Taken | PermissionError] = []
        ours: list[tuple[Claim, os.stat_result]] = []
        for claim, status in zip(claims, found, strict=True):
            if status is None or isinstance(status, PermissionError):
                results.append(status or Taken.NOT_AS_SEEN)
            else:
                results.append(Taken.OURS)
                ours.append((claim, status))
        self._finish(ours)
        if len(ours) < len(claims):
            self.finish_open()  # finds the others in the inbox, and cancels
        return results

    def finish_open(self) -> None:
        """Finish, or undo, the claims that a crash or a fault left open."""
        with self._site.ledger.reading() as tx:
            unfinished = scans.unfinished_claims(tx)
        for claim in unfinished:
            work_file = self._site.work_file(claim.scan_id, claim.suffix)
            if work_file.exists() and self._is_away(claim.source):
                continue  # nobody can know yet whether a copied scan lies there still, to come in a second time
            if found := moves.recover(_as_claimed(claim), work_file):
                self._finish([(claim, found)])
            else:
                with self._site.ledger.transaction() as tx:
                    scans.cancel_claim(tx, claim.scan)

    def _is_away(self, source: Path) -> bool:
        """Whether the inbox of a file cannot be used now."""
        try:
            for inbox in self._inboxes:
                if source.is_relative_to(inbox.folder):
                    inbox.check()
        except (EnvironmentFault, OSError):
            return True
        return False

    def _finish(self, ours: Sequence[tuple[Claim, os.stat_result]]) -> None:
        drop_duplicates = self._site.settings.duplicates == "drop"
        with self._site.ledger.transaction() as tx:
            for claim, taken in ours:
                at, mtime_ns = self._site.clock.now(), written_ns(taken)
                scans.finish_claim(tx, claim.scan, mtime_ns=mtime_ns, drop_duplicates=drop_duplicates, at=at)
        for claim, _ in ours:
            self._site.log.info("scan_claimed", scan_id=claim.scan_id, source=plain_text(str(claim.source)))

    def _new_scan(self, tx: Transaction, seen: Seen, probe: Probe) -> NewScan:
        name = seen.path.name
        back = self._meaning_for_review(tx, name, probe)
        return NewScan(
            source=seen.path,
            name=plain_text(name),
            suffix=safe_suffix(name),
            size_bytes=seen.size_bytes,
            mtime_ns=seen.mtime_ns,
            sha256=probe.sha256,
            page_count=probe.page_count,
            claimed_at=self._site.clock.now(),
            program=PROGRAM,
            problem=probe.problem,
            returns_page=back.returns_page,
            replaces_page=back.replaces_page,
            keep=back.keep,
            stem=_stem(name),
        )

    def _meaning_for_review(self, tx: Transaction, name: str, probe: Probe) -> _Return:
        """A page in review comes back under its stem, or with its content while it is missing from the folder."""
        review = reviews.find_review(tx, _stem(name)) or self._missing_with_content(tx, probe.sha256)
        if review is None:
            return _Return()
        keep = probe.sha256 is None or probe.sha256 != review.page_sha256
        if probe.page_count in {1, review.page_count}:
            return _Return(returns_page=review.page, keep=keep)
        if reviews.could_not_be_opened(tx, review.page):
            return _Return(replaces_page=review.page)
        return _Return()

    def _missing_with_content(self, tx: Transaction, sha256: str | None) -> OpenReview | None:
        for review in reviews.find_by_content(tx, sha256):
            if review.page_name and not (self._site.settings.review / review.page_name).exists():
                return review
        return None


def batches(opened: Iterable[tuple[Seen, Probe]]) -> list[list[tuple[Seen, Probe]]]:
    """Scans in groups that can be claimed together, in their order."""
    groups: list[list[tuple[Seen, Probe]]] = []
    known: set[str] = set()
    for seen, probe in opened:
        own = {f"stem {_stem(seen.path.name)}", *([f"content {probe.sha256}"] if probe.sha256 else [])}
        if known & own or not groups:
            groups.append([])
            known = set()
        groups[-1].append((seen, probe))
        known |= own
    return groups


def _as_claimed(claim: Claim) -> moves.Claimed:
    return moves.Claimed(source=claim.source, size_bytes=claim.size_bytes, mtime_ns=claim.mtime_ns, sha256=claim.sha256)


def _stem(name: str) -> str:
    """The stem of a file name, as the ledger spells those of pages in review."""
    return plain_text(Path(name).stem)
