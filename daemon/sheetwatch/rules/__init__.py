"""Readings in, verdict out."""
