"""Runs in a virtual machine: the inbox on another machine's share, whose cable is pulled and whose server goes away.

The other machine is a network namespace with a Samba server. Prints a line of JSON for each stage, and switches the
machine off. /srv/sheets holds the scans. Nobody touches the daemon meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

_SERVER, _SHARE, _LOCAL = Path("/srv/server"), Path("/srv/scans"), Path("/srv/sheetwatch/inbox")
_OUT_S = 120  # slept through: how long the other machine is away is what is tried
_PATIENCE_S = 900
_SMB_CONF = f"""[global]
  map to guest = Bad User
  lock directory = /run/server
  state directory = /run/server
  cache directory = /run/server
  private dir = /run/server
  pid directory = /run/server
[scans]
  path = {_SERVER}
  guest ok = yes
  read only = no
  force user = root
"""
_FSTAB = (
    f"//10.9.9.2/scans {_SHARE} cifs guest,uid=sheetwatch,gid=sheetwatch,soft,echo_interval=10,noauto,"
    "x-systemd.automount 0 0\n"
)


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def serve() -> subprocess.Popen[bytes]:
    """The Samba server of the other machine."""
    line = ["ip", "netns", "exec", "server", "smbd", "--foreground", "--no-process-group", "--configfile=/srv/smb.conf"]
    # In a group of its own: it ends its whole group with itself.
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def connect() -> None:
    """A cable between the two machines, and the share as deploy/README.md has it."""
    run("ip", "netns", "add", "server")
    run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "plug", "netns", "server")
    run("ip", "addr", "add", "10.9.9.1/24", "dev", "cable")
    run("ip", "link", "set", "cable", "up")
    for words in ("addr add 10.9.9.2/24 dev plug", "link set plug up", "link set lo up"):
        run("ip", "-n", "server", *words.split())
    for folder in (_SERVER, _SHARE, Path("/run/server"), Path("/run/samba")):
        folder.mkdir(exist_ok=True)
    Path("/srv/smb.conf").write_text(_SMB_CONF)
    with Path("/etc/fstab").open("a") as fstab:
        fstab.write(_FSTAB)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "srv-scans.automount")


def configure() -> None:
    """Both inboxes, sheets become rows, and patience with a processor that is emulated."""
    path = Path("/etc/sheetwatch/sheetwatch.yaml")
    text = path.read_text().replace(f"[{_LOCAL}]", f"[{_LOCAL}, {_SHARE}]")
    text = text.replace("max_field_error: 0.001 ", "max_field_error: 0.5 ")
    path.write_text(text.replace("page_timeout_s: 60\n", "page_timeout_s: 600\n"))
    run("systemctl", "restart", "sheetwatch")


def put(folder: Path, number: int) -> None:
    """A scan, by a rename."""
    shutil.copy(f"/srv/sheets/{number}.jpg", folder / "part.tmp")
    if folder == _LOCAL:
        shutil.chown(folder / "part.tmp", "sheetwatch", "sheetwatch")
    (folder / "part.tmp").rename(folder / f"scan-{number}.jpg")


def settled() -> int:
    with contextlib.suppress(sqlite3.Error):
        ledger = sqlite3.connect("file:/var/lib/sheetwatch/sheetwatch.db?mode=ro", uri=True)
        with contextlib.closing(ledger):
            return int(ledger.execute("SELECT count(*) FROM pages WHERE state != 'work'").fetchone()[0])
    return 0


def waited_for(pages: int, patience_s: float = _PATIENCE_S) -> float | None:
    """Seconds until so many pages are settled; None when they never were."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < patience_s:
        if settled() >= pages:
            return round(time.monotonic() - began_s)
        time.sleep(2)
    return None


def tell(stage: str, pages: int, patience_s: float = _PATIENCE_S) -> None:
    took_s = waited_for(pages, patience_s)
    restarts = run("systemctl", "show", "--property=NRestarts", "--value", "sheetwatch")
    print("\nOUTAGE", json.dumps({"stage": stage, "after_s": took_s, "restarts": int(restarts)}), flush=True)


def main() -> None:
    """All stages."""
    connect()
    server = serve()
    configure()
    put(_SERVER, 0)
    tell("a scan on the share", 1)

    run("ip", "link", "set", "cable", "down")
    put(_LOCAL, 1)
    tell("the cable out: a scan in the local inbox", 2, _OUT_S)
    put(_SERVER, 2)
    time.sleep(_OUT_S)
    run("ip", "link", "set", "cable", "up")
    tell("the cable in again", 3)

    server.terminate()
    server.wait()
    time.sleep(_OUT_S)
    put(_SERVER, 3)
    server = serve()
    tell("the server back", 4)

    put(_LOCAL, 4)
    tell("the local inbox", 5)


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        print("\nOUTAGE", json.dumps({"error": f"{error!r} {getattr(error, 'stderr', '')}"}), flush=True)
        raise
    finally:
        print(run("journalctl", "--no-pager", "--output=cat", "--lines=200", "--unit=sheetwatch"), flush=True)
        sys.stdout.flush()
        subprocess.run(["systemctl", "poweroff"], check=False)
