"""Draft a template: a blank form in, fields out; filled forms in, the blank out."""
