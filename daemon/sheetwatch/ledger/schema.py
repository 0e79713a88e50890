"""The tables. A page is in one of four states, and the database itself refuses any other."""

VERSION = 1
APPLICATION_ID = 0x53485754  # "SHWT"

SCHEMA = """
CREATE TABLE scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('claiming', 'claimed', 'settled', 'archived')),
    source BLOB NOT NULL,              -- the path in inbox, as the file system spells it
    name TEXT NOT NULL,                -- the file's name, plain text
    suffix TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,         -- as it was opened; from its claim on, of the work file
    sha256 TEXT,
    page_count INTEGER NOT NULL,
    problem TEXT,                      -- a reason as JSON: why it could not be opened
    duplicate_of INTEGER REFERENCES scans (id),
    returns_page INTEGER REFERENCES pages (id),   -- counts no page: this one is read again
    replaces_page INTEGER REFERENCES pages (id),  -- counts its pages: this one is dropped for them
    keep INTEGER NOT NULL DEFAULT 1,   -- 0: a returned page that the ledger holds already; removed when settled
    claimed_at TEXT NOT NULL,
    archived_as TEXT,                  -- relative to the archive folder
    program TEXT NOT NULL
) STRICT;
CREATE INDEX scans_state ON scans (state);
CREATE INDEX scans_content ON scans (sha256);
CREATE INDEX scans_returned ON scans (returns_page) WHERE returns_page IS NOT NULL;

CREATE TABLE pages (
    id INTEGER PRIMARY KEY,
    sheet_id TEXT NOT NULL UNIQUE,
    scan INTEGER NOT NULL REFERENCES scans (id),
    page INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('work', 'row', 'review', 'dropped')),
    read_from INTEGER NOT NULL REFERENCES scans (id),   -- the scan whose file is read: a returned one, or `scan`
    read_page INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,                -- readings that ended the worker
    drop_cause TEXT CHECK ((state = 'dropped') = (drop_cause IS NOT NULL)),
    decided_at TEXT,
    template TEXT,
    template_revision TEXT,
    key_value TEXT,
    model TEXT,
    program TEXT,
    reasons TEXT NOT NULL DEFAULT '[]',
    readings TEXT NOT NULL DEFAULT '{}',
    alignment TEXT,
    picture TEXT,                      -- file names in the work folder of `read_from`
    image TEXT,
    elapsed_ms REAL,
    UNIQUE (scan, page)
) STRICT;
CREATE INDEX pages_state ON pages (state, id);
CREATE INDEX pages_decided ON pages (decided_at);
CREATE INDEX pages_key ON pages (template, key_value) WHERE state = 'row' AND key_value IS NOT NULL;

CREATE TABLE forms (
    template TEXT NOT NULL,
    revision TEXT NOT NULL,
    form TEXT NOT NULL,
    PRIMARY KEY (template, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE csv_files (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    template TEXT NOT NULL,
    day TEXT NOT NULL,
    number INTEGER NOT NULL,
    header TEXT NOT NULL,
    row_count INTEGER NOT NULL DEFAULT 0,
    delivered_bytes INTEGER NOT NULL DEFAULT 0,
    fingerprint TEXT,                  -- of the file as it was left: nobody touched it while this is the same
    UNIQUE (template, day, number)
) STRICT;

CREATE TABLE rows (
    id INTEGER PRIMARY KEY,
    page INTEGER NOT NULL UNIQUE REFERENCES pages (id),
    csv_file INTEGER NOT NULL REFERENCES csv_files (id),
    sequence INTEGER NOT NULL,
    line TEXT NOT NULL,                -- as it stands in the CSV, line end included
    delivered INTEGER NOT NULL DEFAULT 0,
    UNIQUE (csv_file, sequence)
) STRICT;
CREATE INDEX rows_owed ON rows (csv_file, sequence) WHERE delivered = 0;

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    page INTEGER NOT NULL REFERENCES pages (id),
    stem TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('opening', 'open', 'closing', 'closed')),
    opened_at TEXT NOT NULL,
    closed_at TEXT,
    resolution TEXT CHECK ((state IN ('closing', 'closed')) = (resolution IS NOT NULL)),
    decided_by TEXT,
    page_name TEXT,                    -- the page's file in review/, and its content
    page_sha256 TEXT,
    sheet_sha256 TEXT,                 -- the CSV as it was delivered: an untouched one is no answer; or as it was taken
    problem TEXT                       -- what was wrong with the operator's last answer
) STRICT;
CREATE UNIQUE INDEX reviews_open ON reviews (page) WHERE state IN ('opening', 'open');
CREATE INDEX reviews_state ON reviews (state);
CREATE INDEX reviews_stem ON reviews (stem);
CREATE INDEX reviews_content ON reviews (page_sha256);

CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    page INTEGER NOT NULL REFERENCES pages (id),
    field TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    corrected_at TEXT NOT NULL,
    corrected_by TEXT NOT NULL,
    via TEXT NOT NULL                  -- "review CSV", "terminal", "web"
) STRICT;
CREATE INDEX corrections_page ON corrections (page);
"""

# Columns that came later: table, name, type. A program that does not know them never asks for them, so a ledger made
# before them gets them when it is opened for writing, and keeps its version.
COLUMNS = (
    ("pages", "sheet", "TEXT"),  # the picture of the sheet alone, as JSON
    ("rows", "written", "TEXT"),  # the line that stands in the CSV still, where the row was corrected since
)

# Tables that came later, for the same reason.
TABLES = """
CREATE TABLE IF NOT EXISTS decisions (  -- of the operator's pages, which may be undone before they are carried out
    id INTEGER PRIMARY KEY,
    review INTEGER NOT NULL REFERENCES reviews (id),
    resolution TEXT NOT NULL CHECK (resolution IN ('corrected', 'discarded')),
    answer TEXT NOT NULL,              -- the row, or why there is none, as JSON
    decided_at TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    via TEXT NOT NULL,
    due_at TEXT NOT NULL,              -- from when on it is carried out
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'undone')),
    ended_at TEXT CHECK ((state = 'waiting') = (ended_at IS NULL))
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS decisions_waiting ON decisions (review) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS decisions_reviews ON decisions (review);

CREATE TABLE IF NOT EXISTS audits (     -- values of accepted rows that a person typed without seeing them
    id INTEGER PRIMARY KEY,
    page INTEGER NOT NULL REFERENCES pages (id),
    field TEXT NOT NULL,
    kind TEXT NOT NULL,
    row_said TEXT NOT NULL,
    answered TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('same', 'open', 'row', 'answer')),  -- who was right
    audited_at TEXT NOT NULL,
    audited_by TEXT NOT NULL,
    UNIQUE (page, field)
) STRICT;
"""

# What a reference leads from is looked for whenever a row is deleted; without these, forgetting old scans would look
# through every scan and page for each of them. They change nothing that a program can see, so a ledger made before
# them gets them when it is opened, and keeps its version.
INDEXES = """
CREATE INDEX IF NOT EXISTS scans_duplicates ON scans (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX IF NOT EXISTS scans_replacing ON scans (replaces_page) WHERE replaces_page IS NOT NULL;
CREATE INDEX IF NOT EXISTS scans_archive_names ON scans (archived_as) WHERE archived_as IS NOT NULL;
CREATE INDEX IF NOT EXISTS pages_files ON pages (read_from);
CREATE INDEX IF NOT EXISTS reviews_pages ON reviews (page);
CREATE INDEX IF NOT EXISTS rows_rewritten ON rows (csv_file) WHERE written IS NOT NULL;
CREATE INDEX IF NOT EXISTS csv_files_days ON csv_files (day);
-- For the accounting, which counts everything:
CREATE INDEX IF NOT EXISTS scans_counted ON scans (state, page_count) WHERE returns_page IS NULL;
CREATE INDEX IF NOT EXISTS pages_dropped ON pages (drop_cause) WHERE state = 'dropped';
"""
