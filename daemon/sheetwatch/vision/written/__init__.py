"""Writing anywhere on a page: a grey page in, lines of words with a clean crop of each out."""
