"""Where the kernel tells nothing of what others write, the daemon chooses by itself to look often.

    pytest tests/faults/test_mounts.py -s

A FUSE mount is a real one, by bindfs (apt install bindfs; root, /dev/fuse). CIFS and NFS need a kernel that has them:
they are shown by lines of /proc/self/mountinfo as those file systems write them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.intake import hints, mounts
from sheetwatch.intake.hints import Hints
from sheetwatch.intake.mounts import Mount, _KernelTable, mount_of
from support.disks import mounted, needs_mounts
from support.office import row, sheet
from support.processes import Installation, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro"
CIFS = "rw,vers=3.1.1,cache=strict,username=scan,addr=10.0.0.5,file_mode=0755,soft,nounix,serverino,mapposix"
NFS = "rw,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,sec=sys,clientaddr=10.0.0.7,addr=10.0.0.5"
SILENT = {
    "cifs": f"99 22 0:51 / /mnt/scans rw,relatime shared:50 - cifs //nas/scans {CIFS}",
    "cifs, a folder of the share": f"99 22 0:51 /inbox /mnt/scans rw,relatime - cifs //nas/scans/inbox {CIFS}",
    "smb3": f"99 22 0:51 / /mnt/scans rw,relatime - smb3 //nas/scans {CIFS}",
    "nfs": "99 22 0:52 / /mnt/scans rw,relatime shared:60 - nfs 10.0.0.5:/srv/scans rw,vers=3,proto=tcp,mountproto=udp",
    "nfs4": f"99 22 0:52 / /mnt/scans rw,relatime shared:60 - nfs4 nas:/srv/scans {NFS}",
    "sshfs": "99 22 0:53 / /mnt/scans rw,nosuid,nodev - fuse.sshfs scan@nas:/srv rw,user_id=0,group_id=0,allow_other",
    "rclone": "99 22 0:54 / /mnt/scans rw,nosuid,nodev - fuse.rclone remote: rw,user_id=0,group_id=0",
    "gluster": "99 22 0:55 / /mnt/scans rw - fuse.glusterfs nas:/gv0 rw,user_id=0,group_id=0,default_permissions",
    "gvfs, davfs": "99 22 0:56 / /mnt/scans rw,nosuid,nodev - fuse gvfsd-fuse rw,user_id=1000,group_id=1000",
    "ntfs-3g": "99 22 8:17 / /mnt/scans rw,relatime - fuseblk /dev/sdb1 rw,user_id=0,group_id=0,blksize=4096",
    "9p": "99 22 0:57 / /mnt/scans rw,relatime - 9p host0 rw,access=client,trans=virtio",
    "9p under WSL": r"99 22 0:58 / /mnt/scans rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\;uid=0,cache=mmap",
    "virtiofs": "99 22 0:59 / /mnt/scans rw,relatime - virtiofs scans rw",
    "ceph": "99 22 0:60 / /mnt/scans rw,relatime - ceph 10.0.0.5:6789:/ rw,name=admin,secret=<hidden>,acl",
    "lustre": "99 22 0:61 / /mnt/scans rw - lustre 10.0.0.5@tcp:/work rw,checksum,flock",
    "ocfs2": "99 22 8:33 / /mnt/scans rw,relatime - ocfs2 /dev/sdc1 rw,_netdev,heartbeat=local",
    "autofs, nothing mounted yet": "98 22 0:50 / /mnt/scans rw - autofs systemd-1 rw,fd=51,pgrp=1,timeout=0,direct",
    "autofs, with NFS over it": "98 22 0:50 / /mnt/scans rw - autofs systemd-1 rw,fd=51,pgrp=1,direct\n"
    f"99 98 0:52 / /mnt/scans rw,relatime - nfs4 nas:/srv/scans {NFS}",
    "autofs, CIFS below it": "98 22 0:50 / /mnt rw - autofs /etc/auto.mnt rw,fd=6,pgrp=900,indirect\n"
    f"99 98 0:51 / /mnt/scans rw,relatime - cifs //nas/scans {CIFS}",
}
TELLING = {
    "ext4": "99 22 8:17 / /mnt/scans rw,relatime shared:50 - ext4 /dev/sdb1 rw",
    "xfs, bound": "99 22 8:17 /srv/scans /mnt/scans rw,relatime - xfs /dev/sdb1 rw,attr2,inode64",
    "btrfs": "99 22 0:40 /@scans /mnt/scans rw,relatime - btrfs /dev/sdb1 rw,space_cache=v2,subvol=/@scans",
    "tmpfs": "99 22 0:41 / /mnt/scans rw,nosuid - tmpfs tmpfs rw,size=1024k",
    "zfs": "99 22 0:42 / /mnt/scans rw,noatime - zfs tank/scans rw,xattr,posixacl",
    "nfs beside it": f"99 22 0:52 / /mnt/scans2 rw - nfs4 nas:/srv/scans {NFS}",
    "nfs under an ext4": f"98 22 0:52 / /mnt rw - nfs4 nas:/srv {NFS}\n99 98 8:17 / /mnt/scans rw - ext4 /dev/sdb1 rw",
}


@pytest.mark.parametrize("lines", SILENT.values(), ids=SILENT)
def test_a_mount_that_tells_nothing_is_polled(lines: str) -> None:
    mount = mount_of(Path("/mnt/scans/inbox"), f"{ROOT}\n{lines}\n")
    assert mount.point == Path("/mnt/scans")
    assert not mount.tells_events


@pytest.mark.parametrize("lines", TELLING.values(), ids=TELLING)
def test_a_mount_that_tells_is_listened_to(lines: str) -> None:
    assert mount_of(Path("/mnt/scans/inbox"), f"{ROOT}\n{lines}\n").tells_events


def test_odd_mount_points_hide_no_line() -> None:
    """Spaces, tabs, line ends and backslashes are written as octal numbers; everything else as it is."""
    odd = "99 22 0:51 / /mnt/a\\040b\\011c\\012d\\134e\u2028f\x85g\x0ch rw - cifs //nas/a\\040b rw"
    folder = Path("/mnt/a b\tc\nd\\e\u2028f\x85g\x0ch")
    mount = mount_of(folder / "inbox", f"{ROOT}\n{odd}\n")
    assert (mount.point, mount.kind) == (folder, "cifs")


@pytest.mark.parametrize(("kind", "polls"), [("cifs", True), ("fuse.sshfs", True), ("nfs4", True), ("ext4", False)])
def test_one_silent_folder_of_several_is_enough(monkeypatch: pytest.MonkeyPatch, kind: str, *, polls: bool) -> None:
    kinds = {Path("/local"): "ext4", Path("/other"): kind}
    monkeypatch.setattr(hints, "mount_of", lambda folder: Mount(point=folder, kind=kinds[folder]))
    assert Hints([*kinds], "auto").polls is polls
    assert Hints([*kinds], "poll").polls
    assert not Hints([*kinds], "events").polls


@contextmanager
def fuse_mount(source: Path, point: Path) -> Iterator[None]:
    """A FUSE file system over a folder, ended and gone when the block has ended."""
    if shutil.which("bindfs") is None:
        pytest.skip("not installed: bindfs (apt install bindfs)")
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no /dev/fuse")
    process = subprocess.Popen(["bindfs", "-f", str(source), str(point)], stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: point.is_mount() or process.poll() is not None, timeout_s=20)
        if process.poll() is not None:
            pytest.skip(f"FUSE cannot be mounted here: {process.stderr.read() if process.stderr else ''}")
        yield
    finally:
        if point.is_mount():
            subprocess.run(["umount", str(point)], check=True)
        process.wait(20)
        if process.stderr:
            process.stderr.close()


def test_on_a_real_fuse_mount_the_daemon_polls_and_reads(tmp_path: Path) -> None:
    behind = tmp_path / "behind"
    behind.mkdir()
    place = Installation(tmp_path / "office", "version: 1\nwatch: {settle_s: 0.5, rescan_s: 2}\nlog: {format: json}\n")
    with fuse_mount(behind, place.base / "inbox"):
        mount = mount_of(place.base / "inbox")
        with place.daemon() as process:
            assert '"polls": true' in place.log
            for roll in range(20):  # by somebody else, past the mount: no event will ever tell
                (behind / f"{roll}.jpg").write_bytes(sheet(row(roll)))
            wait_until(lambda: len(place.csv_lines()) == 20)
    assert process.returncode == 0
    assert place.status()["accounting"]["rows"] == 20
    assert not list(behind.iterdir())
    print(f"\n{mount.kind} mount: polled, 20 files written behind it, 20 rows")


@needs_mounts
def test_what_is_mounted_or_unmounted_is_seen_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's table is read again only when the kernel says so; it must say so every time."""
    table = _KernelTable()
    read: list[str] = []

    def reading() -> str:
        read.append(_KernelTable._read(table))
        return read[-1]

    monkeypatch.setattr(mounts, "_kernel", table)
    monkeypatch.setattr(table, "_read", reading)
    for _ in range(3):
        assert mount_of(tmp_path).point != tmp_path
        with mounted(tmp_path / "share"):
            here = [mount_of(tmp_path / "share") for _ in range(5)]
            assert {(mount.point, mount.kind) for mount in here} == {(tmp_path / "share", "tmpfs")}
        assert mount_of(tmp_path / "share").point != tmp_path / "share"
    assert 7 <= len(read) < 15, "other programs may mount something meanwhile"
    os.close(table._descriptor)
