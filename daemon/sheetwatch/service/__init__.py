"""The daemon loop and its health."""
