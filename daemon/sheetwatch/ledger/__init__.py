"""The SQLite file that knows every scan and page and what became of it."""
