"""CSV, archive and review folder: effects that follow from the ledger, each harmless when done twice."""
