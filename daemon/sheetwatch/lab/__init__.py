"""Synthesis and training: what the running daemon never needs."""
