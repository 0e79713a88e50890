"""Mounts, listing, claim, folders, hints: on real files."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import select
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import ConfigError, EnvironmentFault, Settings
from sheetwatch.intake import folders
from sheetwatch.intake.claim import Claimed, put_back, recover, take_all
from sheetwatch.intake.folders import Root, check_folders, make_folders
from sheetwatch.intake.hints import Hints
from sheetwatch.intake.listing import Seen, is_temporary, look
from sheetwatch.intake.mounts import Mount, mount_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TABLE = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 22 0:27 / /srv rw shared:2 - ext4 /dev/sdb1 rw
32 22 0:28 / /srv/my\040scans rw shared:3 - cifs //nas/scans rw
33 22 0:29 / /mnt/cloud rw - fuse.sshfs host:/ rw
34 31 0:30 / /srv rw shared:9 - nfs4 server:/srv rw
"""


@pytest.mark.parametrize(
    ("folder", "point", "kind", "tells"),
    [
        ("/home/x", "/", "ext4", True),
        ("/srv/my scans/in", "/srv/my scans", "cifs", False),
        ("/srv/other", "/srv", "nfs4", False),
        ("/mnt/cloud/a", "/mnt/cloud", "fuse.sshfs", False),
        ("/mnt/cloudy", "/", "ext4", True),
    ],
)
def test_the_mount_of_a_folder(folder: str, point: str, kind: str, *, tells: bool) -> None:
    mount = mount_of(Path(folder), TABLE)
    assert (str(mount.point), mount.kind, mount.tells_events) == (point, kind, tells)


def test_this_machine_has_a_mount_table() -> None:
    assert mount_of(Path.cwd()).kind != "unknown"


@pytest.mark.parametrize("name", [".a.jpg", "~a.jpg", "a.jpg~", "a.TMP", "a.jpg.part", ".sheetwatch-a", "Thumbs.db"])
def test_names_that_say_not_yet(name: str) -> None:
    assert is_temporary(name)
    assert not is_temporary("a.jpg")


def test_a_look_finds_files_in_subfolders_and_says_what_it_leaves(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.jpg").write_bytes(b"x")
    (tmp_path / "ours.review.png").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    listing = look(tmp_path, lambda name: name.startswith("ours"))
    assert [file.path.name for file in listing.files] == ["a.jpg"]
    assert {item.path.name for item in listing.left_alone} == {"ours.review.png", "link"}


def test_nothing_is_passed_over_for_its_name_without_a_word(tmp_path: Path) -> None:
    """But what the system or a file server hides there."""
    read = {"Exam.tmp/a.pdf", "~old/a.pdf", "Room 3.lock/a.pdf", "old~/a.pdf"}
    told = {"~scan.pdf", "scan.pdf~", "scan.pdf.part", ".scan.tmp"}
    hidden = {".trash/a.pdf", "~snapshot/a.pdf", "$RECYCLE.BIN/a.pdf", ".a.pdf", "Thumbs.db", "a.pdf.lock"}
    for name in read | told | hidden:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    listing = look(tmp_path)
    assert {str(seen.path.relative_to(tmp_path)) for seen in listing.files} == read
    assert {str(seen.path.relative_to(tmp_path)) for seen in listing.unfinished} == told


def test_files_that_may_not_be_read_or_moved_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "locked/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def access(path: Path, mode: int, **_: bool) -> bool:
        return not (path.name == "a.jpg" or (path.name == "locked" and mode & os.W_OK))

    monkeypatch.setattr(os, "access", access)
    why = {item.path.name: item.why for item in look(tmp_path).left_alone}
    assert "cannot be read" in why["a.jpg"]
    assert "cannot be moved" in why["b.jpg"]


def test_a_missing_inbox_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "away")


def file_in(folder: Path, name: str = "a.jpg") -> Seen:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"whole")
    return Seen.of(path, path.stat())


def test_taking_a_scan_moves_it(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    assert take_all([(seen, work)]) != [None]
    assert work.read_bytes() == b"whole"
    assert not seen.path.exists()


def test_a_scan_that_changed_since_it_was_opened_stays(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    seen.path.write_bytes(b"whole and more")
    assert take_all([(seen, work)]) == [None]
    assert seen.path.read_bytes() == b"whole and more"
    assert not work.exists()


def test_a_scan_that_changes_while_it_is_moved_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    rename = os.rename

    def write_and_rename(source: Path, target: Path) -> None:
        with source.open("ab") as file:
            file.write(b", later")
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", write_and_rename)
        assert take_all([(seen, work)]) == [None]
    assert seen.path.read_bytes().startswith(b"whole, later")
    assert not work.parent.exists()


OTHER = Path("/dev/shm")  # noqa: S108 - another file system is the point
needs_two_file_systems = pytest.mark.skipif(
    not OTHER.is_dir() or OTHER.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,
    reason="there is no second file system here",
)


@pytest.fixture
def share() -> Iterator[Path]:
    """An inbox on another file system than the work folder."""
    inbox = OTHER / f"sheetwatch-test-{os.getpid()}"
    yield inbox
    shutil.rmtree(inbox)


def as_claimed(seen: Seen) -> Claimed:
    sha256 = hashlib.sha256(seen.path.read_bytes()).hexdigest()
    return Claimed(source=seen.path, size_bytes=seen.size_bytes, mtime_ns=seen.mtime_ns, sha256=sha256)


@needs_two_file_systems
def test_between_file_systems_a_scan_is_copied(tmp_path: Path, share: Path) -> None:
    seen, work = file_in(share), tmp_path / "work" / "1" / "scan.jpg"
    claim = as_claimed(seen)
    assert take_all([(seen, work)]) != [None]
    assert not seen.path.exists()
    assert work.read_bytes() == b"whole"
    seen.path.write_bytes(b"whole")
    os.utime(seen.path, ns=(claim.mtime_ns, claim.mtime_ns))
    assert recover(claim, work)
    assert not seen.path.exists(), "the crash came before the source was removed"
    seen.path.write_bytes(b"whole")
    assert recover(claim, work)
    assert seen.path.exists(), "the same content came later: a scan of its own"
    seen.path.write_bytes(b"other, and longer")
    assert recover(claim, work)
    assert seen.path.exists(), "another scan has the name by now"


@pytest.mark.parametrize("patched", [[], [5], [5, 999_999], range(0, 1_000_000, 5000)], ids=len)
def test_a_scan_that_grew_after_it_was_copied_comes_in_whole(tmp_path: Path, patched: Sequence[int]) -> None:
    """The crash came before the source was removed; a page more in a TIFF changes a few bytes of those before."""
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    pages = bytearray(random.Random(1).randbytes(1_000_000))  # noqa: S311 - any bytes
    seen.path.write_bytes(pages)
    seen = Seen.of(seen.path, seen.path.stat())
    claim = as_claimed(seen)
    work.parent.mkdir(parents=True)
    shutil.copy2(seen.path, work)
    for place in patched:
        pages[place] ^= 1
    seen.path.write_bytes(pages + b"one page more")
    is_another = len(patched) > 2
    assert (recover(claim, work) is not None) == is_another
    assert work.exists() == is_another
    assert seen.path.read_bytes() == pages + b"one page more"


def test_a_copy_is_ours_though_its_file_system_keeps_no_such_times(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    claim = as_claimed(seen)
    work.parent.mkdir(parents=True)
    shutil.copy(seen.path, work)
    os.utime(work, ns=(0, 0))
    assert recover(claim, work)
    assert not seen.path.exists()


def test_an_unfinished_claim_whose_file_stayed_leaves_no_trace(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    work.parent.mkdir(parents=True)
    assert not recover(as_claimed(seen), work)
    assert not work.parent.exists()
    assert seen.path.exists()


def test_an_unfinished_claim_of_a_file_that_changed_goes_back(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    claim = as_claimed(seen)
    work.parent.mkdir(parents=True)
    seen.path.rename(work)
    work.write_bytes(b"whole, and more")
    assert not recover(claim, work)
    assert seen.path.exists()


def test_giving_back_never_overwrites(tmp_path: Path) -> None:
    seen, work = file_in(tmp_path / "inbox"), tmp_path / "work" / "1" / "scan.jpg"
    work.parent.mkdir(parents=True)
    work.write_bytes(b"mine")
    assert put_back(work, seen.path).name == "a-2.jpg"
    assert seen.path.read_bytes() == b"whole"


@pytest.mark.parametrize(("results", "wrong"), [("inbox", True), ("inbox/x", True), (".", True), ("inboxes", False)])
def test_overlapping_folders_are_refused(tmp_path: Path, results: str, *, wrong: bool) -> None:
    settings = Settings(
        inbox=(tmp_path / "inbox",),
        results=tmp_path / results,
        archive=tmp_path / "archive",
        review=tmp_path / "review",
        state=tmp_path / "state",
    )
    if wrong:
        with pytest.raises(ConfigError, match="overlap"):
            check_folders(settings)
    else:
        check_folders(settings)
        make_folders(settings)
        make_folders(settings)
        assert (tmp_path / "inboxes").is_dir()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(inbox=(tmp_path / "file" / "inbox",))
    with pytest.raises(EnvironmentFault, match="inbox"):
        make_folders(settings)


def test_an_unmounted_share_is_noticed(tmp_path: Path) -> None:
    Root.of("inbox", tmp_path).check()
    with pytest.raises(EnvironmentFault, match="/elsewhere is not mounted"):
        Root(name="inbox", folder=tmp_path, mounted_at=Path("/elsewhere")).check()
    with pytest.raises(EnvironmentFault, match="not there"):
        Root.of("inbox", tmp_path / "gone").check()


def test_a_share_mounted_over_an_inbox_after_the_start_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Root.of("inbox", tmp_path)
    monkeypatch.setattr(folders, "mount_of", lambda folder: Mount(point=folder, kind="cifs"))
    with pytest.raises(EnvironmentFault, match=f"is mounted at {tmp_path} since the start; restart"):
        root.check()


def hears(hints: Hints) -> bool:
    if hints.descriptor is None:
        return False
    ready, _, _ = select.select([hints.descriptor], [], [], 0.5)
    return bool(ready) and hints.hear()


def test_hints_tell_of_new_files_subfolders_and_the_end_of_a_folder(tmp_path: Path) -> None:
    inbox, hints = tmp_path / "inbox", Hints([tmp_path], "events")
    (inbox / "deep").mkdir(parents=True)
    try:
        look(inbox, entering=hints.watch)
        assert not hears(hints), "looking is no news"
        (inbox / "deep" / "a.jpg").write_bytes(b"x")
        assert hears(hints)
        (inbox / "deep" / "a.jpg").rename(tmp_path / "a.jpg")
        assert not hears(hints), "the claim of a scan is no news"
        (inbox / "deep").rename(tmp_path / "elsewhere")
        assert hears(hints)
        hints.hear()
        (tmp_path / "elsewhere" / "b.jpg").write_bytes(b"x")
        assert not hears(hints), "a folder that left the inbox is no longer listened to"
        shutil.rmtree(inbox)
        assert hears(hints)
        inbox.mkdir()
        look(inbox, entering=hints.watch)
        hints.hear()
        (inbox / "c.jpg").write_bytes(b"x")
        assert hears(hints), "the folder was made again, and a look found it"
    finally:
        hints.stop()
    assert hints.descriptor is None


def test_hints_that_cannot_be_read_are_listened_to_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = Hints([tmp_path], "events")
    try:
        assert hints.watch(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(os, "read", refuse)
            assert not hints.hear()
        assert hints.descriptor is None
        assert hints.watch(tmp_path)
        (tmp_path / "a.jpg").write_bytes(b"x")
        assert hears(hints)
    finally:
        hints.stop()


def refuse(*_: object) -> bytes:
    raise OSError(errno.EIO, "refused")


def test_a_folder_that_is_not_there_is_no_want_of_watches(tmp_path: Path) -> None:
    hints = Hints([tmp_path], "events")
    assert hints.watch(tmp_path / "gone")
    hints.stop()


def test_where_the_file_system_is_silent_hints_say_so(tmp_path: Path) -> None:
    assert Hints([tmp_path], "poll").polls
    assert not Hints([tmp_path], "auto").polls
