"""Damage to files: blind, and by the format's own structure, so that it gets past the checksums. Seeded."""

from __future__ import annotations

import re
import struct
import zlib
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
_PDF_NAMES = re.compile(rb"/[A-Z][A-Za-z0-9]+")
_PDF_NUMBERS = re.compile(rb"(?<![\w./-])\d{1,10}(?![\w.])")
_PDF_REFERENCES = re.compile(rb"\d+ 0 R")
_PDF_EXTREMES = (
    b"0",
    b"-1",
    b"1",
    b"65536",
    b"2147483647",
    b"4294967296",
    b"99999999999",
    b"1e38",
    b"0.00001",
    b"null",
)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def seeded(seed: int) -> Random:
    """The same damage again."""
    return Random(seed)  # noqa: S311 - nothing is kept secret here


def damaged(seeds: Mapping[str, bytes], rng: Random) -> tuple[str, bytes]:
    """One of the seeds, damaged one to three times: the kinds of damage joined to its name, and the bytes."""
    kind = rng.choice(sorted(seeds))
    data, ways = seeds[kind], []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        way = rng.choice(_ways_for(data))
        data = way(data, rng) if way is not splice else splice(data, rng, seeds[rng.choice(sorted(seeds))])
        ways.append(way.__name__)
    return f"{kind}: {'+'.join(ways)}", data


def _ways_for(data: bytes) -> list[Callable[..., bytes]]:
    blind: list[Callable[..., bytes]] = [
        flip_bits, truncate, zero_tail, splice, delete_block, double_block, swap_blocks, set_extreme, insert_noise,
    ]  # fmt: skip
    if data.startswith(_PNG_SIGNATURE):
        return [*blind, *[png_chunks] * 8]
    if data.startswith(b"\xff\xd8"):
        return [*blind, *[jpeg_segments] * 6]
    if data.startswith((b"II*\0", b"II+\0")):
        return [*blind, *[tiff_entries] * 6]
    if data.startswith(b"%PDF-"):
        return [*blind, *[pdf_names, pdf_numbers, pdf_references] * 4]
    return blind


def flip_bits(data: bytes, rng: Random) -> bytes:
    """Up to 32 single bits."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 32)) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(data: bytes, rng: Random) -> bytes:
    """Cut off the end."""
    return data[: rng.randrange(len(data) + 1)]


def zero_tail(data: bytes, rng: Random) -> bytes:
    """The size is there, the end of the content is not."""
    kept = rng.randrange(len(data) + 1)
    return data[:kept] + bytes(len(data) - kept)


def splice(data: bytes, rng: Random, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def delete_block(data: bytes, rng: Random) -> bytes:
    """Leave out a part."""
    start, end = _block(data, rng)
    return data[:start] + data[end:]


def double_block(data: bytes, rng: Random) -> bytes:
    """Write a part twice."""
    start, end = _block(data, rng)
    return data[:end] + data[start:end] + data[end:]


def swap_blocks(data: bytes, rng: Random) -> bytes:
    """Two neighbouring parts in the wrong order."""
    start, end = _block(data, rng)
    middle = (start + end) // 2
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def insert_noise(data: bytes, rng: Random) -> bytes:
    """Bytes that belong nowhere."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 64, 1000))) + data[at:]


def set_extreme(data: bytes, rng: Random) -> bytes:
    """Some number, most often one of the header's, becomes very large or nothing."""
    width = rng.choice((1, 2, 4))
    if len(data) < width:
        return data
    at = rng.randrange(len(data) - width + 1)
    if rng.random() < 0.7:
        at = min(at, rng.randrange(512))
    value = rng.choice(_EXTREMES) & ((1 << 8 * width) - 1)
    return data[:at] + value.to_bytes(width, rng.choice(("big", "little"))) + data[at + width :]


def png_chunks(data: bytes, rng: Random) -> bytes:
    """A chunk damaged with its checksum made right, doubled, left out or moved."""
    chunks = list(_png_chunks(data))
    if not chunks:
        return data
    at = rng.randrange(len(chunks))
    match rng.choice(("body", "body", "extreme", "double", "leave out", "move", "rename")):
        case "body":
            chunks[at] = (chunks[at][0], flip_bits(chunks[at][1], rng))
        case "extreme":
            chunks[at] = (chunks[at][0], set_extreme(chunks[at][1], rng))
        case "double":
            chunks.insert(at, chunks[at])
        case "leave out":
            del chunks[at]
        case "move":
            chunks.insert(rng.randrange(len(chunks)), chunks.pop(at))
        case "rename":
            chunks[at] = (rng.choice((b"IDAT", b"PLTE", b"tRNS", b"fcTL", b"fdAT", b"iCCP", b"eXIf")), chunks[at][1])
    return _PNG_SIGNATURE + b"".join(png_chunk(name, body) for name, body in chunks)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg_segments(data: bytes, rng: Random) -> bytes:
    """A segment's body damaged, a number in it made extreme, the segment doubled or left out."""
    segments = list(_jpeg_segments(data))
    if not segments:
        return data
    start, end = rng.choice(segments)
    segment = data[start:end]
    match rng.choice(("body", "extreme", "extreme", "double", "leave out")):
        case "body":
            segment = segment[:4] + flip_bits(segment[4:], rng)
        case "extreme":
            segment = segment[:4] + set_extreme(segment[4:], rng)
        case "double":
            segment *= 2
        case "leave out":
            segment = b""
    return data[:start] + segment + data[end:]


def tiff_entries(data: bytes, rng: Random) -> bytes:
    """An entry of a page directory gets another tag, kind, count or value."""
    if data[2:3] == b"+":
        return set_extreme(data, rng)
    directories = list(_tiff_directories(data))
    if not directories:
        return data
    at, count = rng.choice(directories)
    entry = at + 2 + 12 * rng.randrange(max(1, count))
    place, width = rng.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 4), (8, 2)))
    before = int.from_bytes(data[entry + place : entry + place + width], "little")
    near = (before + rng.choice((-1, 1, 7, -before // 2))) & ((1 << 8 * width) - 1)
    value = rng.choice((near, near, rng.choice(_EXTREMES) & ((1 << 8 * width) - 1)))
    return data[: entry + place] + value.to_bytes(width, "little") + data[entry + place + width :]


def pdf_names(data: bytes, rng: Random) -> bytes:
    """One keyword of a dictionary in the place of another."""
    return _with_table(_replaced(data, rng, _PDF_NAMES, [match[0] for match in _PDF_NAMES.finditer(data)]), rng)


def pdf_numbers(data: bytes, rng: Random) -> bytes:
    """A number, such as a length, becomes extreme."""
    return _with_table(_replaced(data, rng, _PDF_NUMBERS, list(_PDF_EXTREMES)), rng)


def pdf_references(data: bytes, rng: Random) -> bytes:
    """A reference leads to another object, or to none: circles come about."""
    return _with_table(_replaced(data, rng, _PDF_REFERENCES, [b"%d 0 R" % number for number in range(9)]), rng)


def _replaced(data: bytes, rng: Random, pattern: re.Pattern[bytes], choices: list[bytes]) -> bytes:
    found = list(pattern.finditer(data))
    if not (found and choices):
        return data
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(choices) + data[match.end() :]


def _with_table(data: bytes, rng: Random) -> bytes:
    """Mostly, let `startxref` say again where the cross-reference table is; else the file only counts as cut."""
    table = data.rfind(b"\nxref") + 1
    if not table or rng.random() < 0.1:
        return data
    return re.sub(rb"startxref\s+\d+", b"startxref\n%d" % table, data)


def _block(data: bytes, rng: Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 16, 256, 4096)))


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, at = [], len(_PNG_SIGNATURE)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _jpeg_segments(data: bytes) -> list[tuple[int, int]]:
    """Where the segments before the first scan's pixels begin and end."""
    segments, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        segments.append((at, end))
        if data[at + 1] == 0xDA:
            break
        at = end
    return segments


def _tiff_directories(data: bytes) -> list[tuple[int, int]]:
    """Where each directory lies, and its number of entries."""
    directories: list[tuple[int, int]] = []
    at = int.from_bytes(data[4:8], "little")
    while at and at + 2 <= len(data) and len(directories) < 9:
        count = int.from_bytes(data[at : at + 2], "little")
        directories.append((at, count))
        end = at + 2 + 12 * count
        at = int.from_bytes(data[end : end + 4], "little")
    return directories
