"""CSV, archive and review folder, written from the ledger."""
