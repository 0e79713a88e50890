"""The daemon: one loop that makes the folders follow from the ledger, and the ledger from what arrives.

One thread decides everything. It is woken by hints (the inbox changed, a worker is done, a signal) and by time, and
then takes one step: every stage of `Service.step`, in order, each doing what is owed and nothing else, for all pages
together that are owed it; the workers have enough in hand meanwhile (`sheetwatch.service.hands`). A stage that
meets an environment fault (a full disk, a vanished share) is tried again with growing pauses of up to 15 s; meanwhile
no scan is taken up, those taken up stay where they are, and nobody's sheet is blamed.

    inbox/ --look--> settling --probe--> whole? --claim--> work --read--> decided --deliver--> CSV, review/, archive/

The states and what is owed in each are the ledger's (`sheetwatch.ledger`). After a crash nothing special happens: the
first step finds claims unfinished, rows, reviews and archive moves owed, pages in work, and goes on with them.

What is promised when, and by what:

    killed anywhere     every effect on files is owed in the ledger before and settled after; doing it twice is harmless
    power loss          fsync of file and folder before the ledger says "done"; SQLite with synchronous=FULL
    failed fsync        the process ends (exit 74) and starts again from the ledger; no fsync is repeated
    full disk, no share a stage that fails is owed still; `Faults` pauses intake and tries again
    poison              bytes are opened in worker processes only; two failures, the second one alone, and the page
                        goes to review. The first failure is in the ledger, so that a restart does not forget it
    two daemons         a lock on the state folder; the second one ends with exit 75
    no database         rows are owed to it in the ledger until it has committed them; a thread sends them, nobody waits
    two operators       a decision is one transaction that fails when there is one already
"""
