"""The ledger: one SQLite file that knows every scan and page and what became of it.

It is the truth; the CSVs, the archive and the review folder follow from it. Every change of state is one transaction,
and every effect on files is written down as owed before it is done, done so that doing it twice is harmless, and
written down as done afterwards. Whatever is killed, the next start finds what is owed and does it (again).

A scan (one file of the scanner):

    claiming   owed: move the file from inbox/ into state/work/<scan_id>/. No page counts yet. When the file is
               found to have stayed in inbox/, the entry is removed and the file is taken up afresh.
    claimed    the file is ours, its pages are counted, and at least one is not settled.
    settled    every page is a row or dropped. Owed: move the file to archive/<day>/, clear its work folder.
    archived   nothing is owed.

A page of it, in exactly one state at any moment; this is promise 1, and it holds by construction:

    work       to be read, or being read. Nothing is written about a page in flight: a crash reads it again.
    row        has its line in `rows`, with its place in a CSV file. Owed while `rows.delivered` is 0: append it.
    review     has one `reviews` entry that is not closed.
    dropped    a blank, a page without a template, a duplicate, discarded by an operator, or replaced by a new scan.

A scan that cannot be opened, or never became whole, counts as one page, in review.

A review, the stay of one page in the review folder:

    opening    owed: write the page, its picture, text and CSV into review/.
    open       waits for an operator.
    closing    decided. Owed: remove the files from review/.
    closed     nothing is owed.

An operator's decision is one transaction wherever it comes from; it fails when the page is no longer in review, so
that the first of two operators wins. One made on the operator's pages is held first (`held`): its page stays in review,
decided, until it is carried out or undone. A row that is corrected later keeps beside its new line the one that stands
in its CSV (`rows.written`) until the file says the same. A page moved back into inbox/ comes as a scan with
`returns_page`: it counts no page, and puts its page from review back to work, to be read from the new file.

Where rows go to a shared database as well, `mirror` knows which of them it lacks.
"""

from sheetwatch.ledger.queries import accounting, all_sheets, last_sheets, open_reviews, owed, rows_by_file
from sheetwatch.ledger.records import (
    Accounting,
    Correction,
    CsvFile,
    DropCause,
    Form,
    OpenReview,
    Owed,
    PageState,
    Resolution,
    ReviewState,
    ScanState,
    SheetLine,
)
from sheetwatch.ledger.store import Ledger, Transaction, require

__all__ = [
    "Accounting",
    "Correction",
    "CsvFile",
    "DropCause",
    "Form",
    "Ledger",
    "OpenReview",
    "Owed",
    "PageState",
    "Resolution",
    "ReviewState",
    "ScanState",
    "SheetLine",
    "Transaction",
    "accounting",
    "all_sheets",
    "last_sheets",
    "open_reviews",
    "owed",
    "require",
    "rows_by_file",
]
