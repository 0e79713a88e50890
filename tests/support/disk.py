"""A disk that loses power: what a daemon did to its files, call by call, and what may be left of it.

`Disk.apply` takes the system calls of a trace, data included (`support.traced.RECORDED`). `Disk.lay_out` writes the
folder as it may be found after a power cut: what fsync or fdatasync made sure of is there; of the rest, what a
`Survival` says. The rules are POSIX's, which are weaker than those of ext4, XFS or Btrfs: a file's fsync says nothing
of its name; a name is sure when one of the folders it was changed in was fsynced; a rename is one change, wholly there
or not at all; unsynced bytes survive in any choice of blocks, or as zeros.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from support.chance import chance_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from support.traced import Recorded

_BLOCK_BYTES = 4096
_STDERR = 2
# Bytes at a place, or a new size.
Change = tuple[int, bytes] | int


@dataclass(eq=False)
class File:
    """Bytes on the disk, as programs saw them then, and what was changed since. `mapped`: written in memory too."""

    stable: bytes = b""
    seen: bytes = b""
    pending: list[Change] = field(default_factory=list)
    mtime_ns: int | None = None
    mapped: bool = False

    def now(self) -> bytes:
        return changed(self.seen, self.pending)

    def synced(self) -> None:
        self.stable, self.seen, self.pending = changed(self.stable, self.pending), self.now(), []

    def not_synced(self) -> None:
        """A failed fsync: programs see the changes, and no later fsync writes them (Rebello et al., 2020)."""
        self.seen, self.pending = self.now(), []


@dataclass(eq=False)
class Folder:
    """Names, as programs see them now."""

    entries: dict[str, Node] = field(default_factory=dict)


Node = File | Folder


@dataclass(eq=False)
class Naming:
    """One change of names: what each now stands for. `sure`: a folder of it was fsynced since."""

    names: tuple[tuple[Folder, str, Node | None], ...]
    sure: bool = False


@dataclass(eq=False)
class _Descriptor:
    node: Node
    at_byte: int | None = 0  # None: appends


@dataclass(frozen=True, slots=True)
class Survival:
    """How much of what was not synced is left: of names `none`, `all`, `some` or a `prefix` in the order of their
    changes (a journal's way); of bytes `none`, `all`, `zeros`, `prefix` or `torn` at block boundaries."""

    names: str
    data: str
    seed: int

    def of_names(self, namings: list[Naming]) -> list[Naming]:
        chance = chance_of(f"{self} names")
        if self.names == "all":
            return namings
        last_sure = max((index for index, naming in enumerate(namings) if naming.sure), default=-1)
        end = chance.randint(last_sure + 1, len(namings)) if self.names == "prefix" else 0
        share = 0.5 if self.names == "some" else 0
        return [one for index, one in enumerate(namings) if one.sure or index < end or chance.random() < share]

    def of_data(self, file: File) -> bytes:
        chance = chance_of(f"{self} {file.stable!r} {len(file.pending)}")
        if file.mapped:
            return chance.randbytes(len(file.now()))
        if self.data == "zeros":
            return file.stable.ljust(len(file.now()), b"\0")
        if self.data == "torn":
            return changed(file.stable, [part for part in _blocks(file.pending) if chance.random() < 0.5])
        kept = {"none": 0, "all": len(file.pending), "prefix": chance.randint(0, len(file.pending))}[self.data]
        return changed(file.stable, file.pending[:kept])


NAMES, DATA = ("none", "all", "some", "prefix"), ("none", "all", "zeros", "prefix", "torn")


class Disk:
    """The folder `base`, from how it lies there now."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._root = _read_in(base)
        self._start = _names_of(self._root)
        self._namings: list[Naming] = []
        self._open: dict[int, _Descriptor] = {}
        self.told = ""

    def live(self, calls: Iterable[Recorded]) -> None:
        """A whole life of a process; at its end its files are closed, and nothing else changes."""
        for call in calls:
            self.apply(call)
        self._open.clear()

    def apply(self, call: Recorded) -> bool:
        """Do what a call did; True when that concerned the folder. Fails at a call that this model does not know."""
        refused = call.name in {"fsync", "fdatasync"} and call.result.startswith("-1 EIO")
        if (call.failed and not refused) or not call.concerns(self._base, self._open):
            return False
        if refused:
            call = replace(call, name="refused")
        getattr(self, f"_{call.name}")(call)
        return call.name != "write" or call.number(0) != _STDERR

    def lay_out(self, survival: Survival) -> None:
        """Replace the folder by what is left of it; the log and the configuration are of this world, and stay."""
        entries = {folder: dict(names) for folder, names in self._start.items()}
        for naming in survival.of_names(self._namings):
            for folder, name, node in naming.names:
                _enter(entries.setdefault(folder, {}), name, node)
        for name in os.listdir(self._base):  # noqa: PTH208 - names
            if (self._base / name).is_dir():
                shutil.rmtree(self._base / name)
        _write_out(self._base, self._root, entries, survival)

    # The calls, by their names.

    def _openat(self, call: Recorded) -> None:
        path = call.path(0)
        folder, name = self._place(path)
        node: Node | None = folder.entries.get(name) if name else folder
        if node is None:
            assert "O_CREAT" in call.text, f"opened what is not there: {path}"
            node = File()
            self._name((folder, name, node))
        if "O_TRUNC" in call.text and isinstance(node, File):
            node.pending.append(0)
        self._open[call.descriptor] = _Descriptor(node, None if "O_APPEND" in call.text else 0)

    def _write(self, call: Recorded) -> None:
        if call.number(0) == _STDERR:
            self.told += call.data(1).decode()
            return
        descriptor = self._open[call.number(0)]
        file = _file(descriptor.node)
        at_byte = len(file.now()) if descriptor.at_byte is None else descriptor.at_byte
        self._put(file, at_byte, call.data(1)[: call.descriptor])
        if descriptor.at_byte is not None:
            descriptor.at_byte += call.descriptor

    def _pwrite64(self, call: Recorded) -> None:
        self._put(_file(self._open[call.number(0)].node), call.number(3), call.data(1)[: call.descriptor])

    def _put(self, file: File, at_byte: int, data: bytes) -> None:
        file.pending.append((at_byte, data))
        file.mtime_ns = None

    def _lseek(self, call: Recorded) -> None:
        self._open[call.number(0)].at_byte = call.descriptor

    def _ftruncate(self, call: Recorded) -> None:
        file = _file(self._open[call.number(0)].node)
        if call.number(1) != len(file.now()):
            file.pending.append(call.number(1))

    def _utimensat(self, call: Recorded) -> None:
        _file(self._open[call.number(0)].node).mtime_ns = call.mtime_ns

    def _mmap(self, call: Recorded) -> None:
        if "MAP_SHARED" in call.text and "PROT_WRITE" in call.text:
            _file(self._open[call.number(4)].node).mapped = True

    def _fsync(self, call: Recorded) -> None:
        node = self._open[call.number(0)].node
        if isinstance(node, File):
            node.synced()
            return
        for naming in self._namings:
            naming.sure = naming.sure or any(folder is node for folder, _, _ in naming.names)

    _fdatasync = _fsync

    def _refused(self, call: Recorded) -> None:
        node = self._open[call.number(0)].node
        if isinstance(node, File):
            node.not_synced()

    def _close(self, call: Recorded) -> None:
        del self._open[call.number(0)]

    def _dup(self, call: Recorded) -> None:
        self._open[call.descriptor] = self._open[call.number(0)]

    _dup2 = _dup3 = _dup

    def _rename(self, call: Recorded) -> None:
        (source, old), (target, new) = self._place(call.path(0)), self._place(call.path(1))
        displaced = target.entries[new] if "RENAME_EXCHANGE" in call.text else None
        self._name((source, old, displaced), (target, new, source.entries[old]))

    _renameat2 = _rename

    def _unlink(self, call: Recorded) -> None:
        folder, name = self._place(call.path(0))
        self._name((folder, name, None))

    _rmdir = _unlinkat = _unlink

    def _mkdir(self, call: Recorded) -> None:
        folder, name = self._place(call.path(0))
        self._name((folder, name, Folder()))

    def _name(self, *names: tuple[Folder, str, Node | None]) -> None:
        self._namings.append(Naming(names))
        for folder, name, node in names:
            _enter(folder.entries, name, node)

    def _place(self, path: Path) -> tuple[Folder, str]:
        """The folder that a path lies in, and its name there; no name for the root."""
        *parents, name = path.relative_to(self._base).parts or ("",)
        folder = self._root
        for part in parents:
            child = folder.entries[part]
            assert isinstance(child, Folder)
            folder = child
        return folder, name


def changed(data: bytes, changes: list[Change]) -> bytes:
    """A file after some changes; what was skipped over is zeros."""
    result = bytearray(data)
    for change in changes:
        if isinstance(change, int):
            result = result[:change].ljust(change, b"\0")
        else:
            at_byte, new = change
            result = result.ljust(at_byte, b"\0")
            result[at_byte : at_byte + len(new)] = new
    return bytes(result)


def _blocks(changes: list[Change]) -> Iterator[Change]:
    """The changes, cut where the disk's blocks begin."""
    for change in changes:
        if isinstance(change, int):
            yield change
            continue
        at_byte, data = change
        while data:
            size = _BLOCK_BYTES - at_byte % _BLOCK_BYTES
            yield at_byte, data[:size]
            at_byte, data = at_byte + size, data[size:]


def _enter(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _file(node: Node) -> File:
    assert isinstance(node, File)
    return node


def _read_in(path: Path) -> Folder:
    def read(child: Path) -> Node:
        if child.is_dir():
            return _read_in(child)
        data = child.read_bytes()
        return File(data, data, mtime_ns=child.stat().st_mtime_ns)

    return Folder({child.name: read(child) for child in path.iterdir()})


def _names_of(folder: Folder) -> dict[Folder, dict[str, Node]]:
    below = [_names_of(child) for child in folder.entries.values() if isinstance(child, Folder)]
    return {folder: dict(folder.entries)} | {key: names for one in below for key, names in one.items()}


def _write_out(path: Path, folder: Folder, entries: Mapping[Folder, Mapping[str, Node]], survival: Survival) -> None:
    path.mkdir(exist_ok=True)
    for name, node in entries.get(folder, {}).items():
        if isinstance(node, Folder):
            _write_out(path / name, node, entries, survival)
            continue
        (path / name).write_bytes(survival.of_data(node))
        if node.mtime_ns is not None:
            os.utime(path / name, ns=(node.mtime_ns, node.mtime_ns))
