"""File names from scanners, made harmless: for our own folders, for CSV cells, for a log line."""

from __future__ import annotations

import re

_LONGEST_STEM_BYTES = 80
# Not allowed on a Windows client of the share, or special to a shell.
_AWKWARD = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029/\\:*?\"<>|$`\ud800-\udfff]")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)")


def plain_text(name: str) -> str:
    r"""A name for people and CSV cells: control characters and undecodable bytes as \n, \x1b, \xff; one line."""
    return "".join(_plain_character(character) for character in name)


def _plain_character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character.isprintable() and not "\ud800" <= character <= "\udfff":
        return character
    return character.encode("unicode_escape").decode("ascii")


def safe_stem(name: str) -> str:
    """The stem of a name, safe in any folder of ours and on a Windows share; never empty, at most 80 bytes."""
    stem = _AWKWARD.sub("_", _split(name)[0]).strip(" .")
    stem = stem.encode()[:_LONGEST_STEM_BYTES].decode(errors="ignore").rstrip(" .")
    if not stem or not stem[0].isalnum() or _RESERVED.fullmatch(stem):
        stem = f"scan_{stem}"
    return stem


def safe_suffix(name: str) -> str:
    """The suffix of a name in lower case, with its dot: ".jpg"; "" when there is none that is plain."""
    return _split(name)[1].lower()


def _split(name: str) -> tuple[str, str]:
    stem, dot, end = name.rpartition(".")
    if stem and _SUFFIX.fullmatch(dot + end):
        return stem, dot + end
    return name, ""
