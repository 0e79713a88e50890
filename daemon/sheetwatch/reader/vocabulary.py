"""The symbols that the network tells apart."""

from __future__ import annotations

DIGITS = "0123456789"
POINT = "."
HALF = "½"
STROKE = "-"  # a dash, slash or long stroke: not attempted
UNREADABLE = "x"  # a scribble, a letter, a tick, something struck out
SYMBOLS = DIGITS + POINT + HALF + STROKE + UNREADABLE
NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS)}
BLANK = len(SYMBOLS)  # the class "no new symbol here" of connectionist temporal classification
CLASSES = len(SYMBOLS) + 1
FRAMES_A_COLUMN = 2  # columns of the network's last layer stand for so many frames each
