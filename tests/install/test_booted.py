"""Sheetwatch as it is installed and lives: on a booted Debian, with systemd, Samba, crashes, upgrades and power cuts.

    sudo apt install systemd-container debootstrap
    sudo python -m pytest -s tests/install/test_booted.py                             # Debian 12
    sudo SHEETWATCH_SUITE=trixie python -m pytest -s tests/install/test_booted.py     # Debian 13

The first run makes the base system and fetches the wheels (some minutes, network); the next ones need neither.
The tests follow one machine through its life, in this order.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from sheetwatch.lab.device_files import write_jpeg
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from support.checkout import REPOSITORY, copy_checkout, wheels_for
from support.machine import Machine, base_system, machine, require_machines
from support.processes import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SUITE = os.environ.get("SHEETWATCH_SUITE", "bookworm")
INBOX = "srv/sheetwatch/inbox"
SHEETS = 6
_READY_WITHIN_S = 3.0
_MOST_SLOWER = 1.10
_MOST_WAITING = 4
SKETCH_BOXES = [[60, 100, 120, 60], [60, 200, 120, 60], [60, 300, 120, 60]]
ANSWERS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1] + '/login', timeout=5)"
POST_OFFICE = """
import http.server, pathlib
class Post(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        pathlib.Path("/srv/post").open("ab").write(body)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8099), Post).serve_forever()
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Box:
    """The machine under test, and every scan that was ever given to it."""

    def __init__(self, machine: Machine, sheets: list[bytes]) -> None:
        self.machine = machine
        self._sheets = sheets
        self.given: list[str] = []

    def scan(self) -> tuple[str, bytes]:
        """Another scan: its name, and content that no other one has."""
        number = len(self.given)
        name = f"scan-{number:04d}.jpg"
        self.given.append(name)
        return name, self._sheets[number % len(self._sheets)] + b"%d" % number

    def drop(self) -> str:
        """A scan lands in the inbox, by a rename as scanners do it."""
        name, data = self.scan()
        inbox = self.machine.root / INBOX
        (inbox / f"{name}.tmp").write_bytes(data)
        shutil.chown(inbox / f"{name}.tmp", inbox.stat().st_uid, inbox.stat().st_gid)
        (inbox / f"{name}.tmp").rename(inbox / name)
        return name

    def install(self, checkout: str, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the installer of a checkout."""
        pip = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels")
        return self.machine.run("env", *pip, "sh", f"/{checkout}/deploy/install.sh", *options, check=check)

    def status(self) -> dict[str, Any]:
        """What `sheetwatch status --json` says."""
        text = self.machine.ask("sheetwatch", "status", "--json")
        return json.loads(text) if text else {"accounting": {"pages_in": -1, "in_work": -1}, "daemon": "none"}

    def has_read_everything(self) -> bool:
        """Whether every scan ever given is settled, and nothing else."""
        counts = self.status()["accounting"]
        return counts["pages_in"] == len(self.given) and not counts["in_work"] and not self.names("inbox")

    def check_nothing_lost(self) -> None:
        """Every scan ever given is settled exactly once, under its own name."""
        wait_until(self.has_read_everything, timeout_s=300)
        told = self.machine.ask("sheetwatch", "status", "--json", "--last", "100000")
        counts = json.loads(told)["accounting"]
        assert counts["balanced"]
        assert counts["dropped"] == 0
        assert sorted(sheet["source"] for sheet in json.loads(told)["last"]) == sorted(self.given)
        sources = [row["source"] for row in self.rows()]
        assert len(sources) == len(set(sources)) == counts["rows"]
        print(f"\n{len(self.given)} scans given: {counts}")

    def rows(self) -> list[dict[str, str]]:
        """Every line of every CSV."""
        files = sorted((self.machine.root / "srv/sheetwatch/results").glob("[!.]*.csv"))
        return [row for file in files for row in csv.DictReader(io.StringIO(file.read_text()))]

    def names(self, folder: str) -> list[str]:
        """The files below a folder."""
        return sorted(path.name for path in (self.machine.root / "srv/sheetwatch" / folder).rglob("*.jpg"))

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.machine.ask("systemctl", "show", "--property", name, "--value", "sheetwatch.service")

    def is_ready(self, *, after: str) -> bool:
        """Whether another process than this one serves."""
        return self.show("ActiveState") == "active" and self.show("MainPID") not in {after, "0"}

    def version_before(self) -> str:
        """What a rollback would go to."""
        return os.readlink(self.machine.root / "opt/sheetwatch/previous")  # noqa: PTH115 - as below

    def version(self) -> str:
        """What is installed."""
        return os.readlink(self.machine.root / "opt/sheetwatch/current")  # noqa: PTH115 - a name, not a path


@pytest.fixture(scope="module")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    template = load_templates([shipped_folder("config") / "templates"])[1]
    folder = tmp_path_factory.mktemp("sheets")
    for seed in range(SHEETS):
        sheet = generate_sheet(template, seed, difficulty="easy", device="clean")
        write_jpeg(folder / f"{seed}.jpg", sheet)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def box(sheets: list[bytes]) -> Iterator[Box]:
    require_machines()
    base = base_system(SUITE)
    with machine(base) as made:
        shutil.copytree(wheels_for(base), made.root / "wheels")
        copy_checkout(made.root / "checkout")
        (made.root / "etc/systemd/system/nmbd.service").symlink_to("/dev/null")  # it waits for a network
        made.boot()
        yield Box(made, sheets)


@contextmanager
def scans_arriving(box: Box) -> Iterator[None]:
    """A scan now and then, whatever happens meanwhile; no more than a slow machine can read."""
    over = threading.Event()

    def scanner() -> None:
        while not over.wait(0.5):
            if len(box.names("inbox")) < _MOST_WAITING:
                box.drop()

    thread = threading.Thread(target=scanner)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def everything_installed(box: Box) -> str:
    places = ("/opt/sheetwatch", "/etc/sheetwatch", "/usr/local", "/etc/samba", "/etc/passwd", "/etc/systemd/system")
    return box.machine.ask("find", *places, "!", "-name", "__pycache__", "-printf", "%p %m %u:%g %l %s\n")


def test_it_installs_and_again_with_the_same_result(box: Box) -> None:
    print(box.install("checkout", "install", "--samba", "--web").stdout)
    assert box.show("ActiveState") == "active"
    before = everything_installed(box)
    box.install("checkout", "install", "--samba", "--web")
    assert everything_installed(box) == before
    settings = box.machine.root / "etc/sheetwatch/sheetwatch.yaml"
    text = settings.read_text().replace("settle_s: 5 ", "settle_s: 0.5 ")
    # Drawn handwriting is not what the shipped calibration is sure of; here a row must only come about.
    settings.write_text(text.replace("max_field_error: 0.001 ", "max_field_error: 0.5 "))
    box.machine.run("systemctl", "restart", "sheetwatch")


def test_systemd_here_reads_the_units_without_a_warning_and_finds_them_safe(box: Box) -> None:
    done = box.machine.run("systemd-analyze", "verify", "sheetwatch.service", "sheetwatch-web.service")
    assert done.stderr == ""
    for unit in ("sheetwatch.service", "sheetwatch-web.service"):
        told = box.machine.run("systemd-analyze", "security", "--threshold=10", "--no-pager", unit).stdout
        print(told.splitlines()[-1])


def test_a_scan_dropped_over_samba_becomes_a_row_and_nobody_sees_more_than_he_should(box: Box) -> None:
    for user in ("sheetwatch-scanner", "anna"):
        if user == "anna":
            box.machine.run("useradd", "-M", "-s", "/usr/sbin/nologin", "-G", "sheetwatch-operators", user)
        box.machine.run("smbpasswd", "-s", "-a", user, stdin="a-password\na-password\n")
    name, data = box.scan()
    (box.machine.root / name).write_bytes(data)

    def smb(user: str, share: str, command: str) -> int:
        return box.machine.run(
            "smbclient", f"//127.0.0.1/{share}", "-U", f"{user}%a-password", "-c", command, check=False
        ).returncode

    assert smb("sheetwatch-scanner", "inbox", f"put /{name} {name}") == 0
    box.check_nothing_lost()
    assert [row["source"] for row in box.rows()] == [name]
    for share in ("review", "results"):
        assert smb("sheetwatch-scanner", share, "ls") != 0
        assert smb("anna", share, "ls") == 0
    assert smb("anna", "results", f"put /{name} mine.csv") != 0
    assert smb("anna", "review", f"put /{name} note.txt; rm note.txt") == 0
    assert smb("stranger", "inbox", "ls") != 0


def test_a_scan_is_renamed_all_the_way_and_never_copied(box: Box) -> None:
    name = box.drop()
    inode = (box.machine.root / INBOX / name).stat().st_ino
    wait_until(lambda: name in box.names("archive"), timeout_s=120)
    (found,) = (box.machine.root / "srv/sheetwatch/archive").rglob(name)
    assert found.stat().st_ino == inode


def test_the_journal_follows_a_scan_by_its_number(box: Box) -> None:
    name = box.drop()
    box.check_nothing_lost()
    (sheet,) = [
        it for it in json.loads(box.machine.ask("sheetwatch", "status", "--json"))["last"] if it["source"] == name
    ]
    scan = sheet["sheet_id"].rpartition("-p")[0]
    told = box.machine.ask("journalctl", "--output=json", "--no-pager", f"SHEETWATCH_SCAN={scan}")
    entries = [json.loads(line) for line in told.splitlines()]
    events = [entry["SHEETWATCH_EVENT"] for entry in entries]
    assert {"scan_claimed", "page_read"} <= set(events), events
    assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {"sheetwatch.service"}
    assert box.machine.ask("journalctl", "--output=cat", "SHEETWATCH_SCAN=never") in {"", "-- No entries --"}


def test_people_and_prometheus_are_told_from_inside_the_units_restrictions(box: Box) -> None:
    (box.machine.root / "srv/post.py").write_text(POST_OFFICE)
    box.machine.run("systemd-run", "--unit=post", "python3", "/srv/post.py")
    urls = box.machine.root / "etc/sheetwatch/notify-urls"
    urls.write_text("json://127.0.0.1:8099/\n")
    urls.chmod(0o640)
    shutil.chown(urls, 0, (urls.parent).stat().st_gid)
    settings = box.machine.root / "etc/sheetwatch/sheetwatch.yaml"
    settings.write_text(settings.read_text().replace("textfile: null ", "textfile: /run/sheetwatch/sheetwatch.prom "))
    (box.machine.root / "var/lib/sheetwatch/needs-a-person.txt").write_text("2026-03-14 look at this\n")
    box.machine.run("systemctl", "start", "sheetwatch-notify.service")
    memory = box.machine.root / "var/lib/sheetwatch/notices.json"
    past = {key: it | {"since": "2026-01-01T00:00:00Z"} for key, it in json.loads(memory.read_text()).items()}
    memory.write_text(json.dumps(past))
    box.machine.run("systemctl", "start", "sheetwatch-notify.service")
    assert "look at this" in (box.machine.root / "srv/post").read_text()
    assert "sheetwatch_up 1.0" in box.machine.ask("cat", "/run/sheetwatch/sheetwatch.prom")
    assert box.machine.ask("systemctl", "is-active", "sheetwatch-notify.timer") == "active"
    (box.machine.root / "var/lib/sheetwatch/needs-a-person.txt").unlink()
    box.machine.run("systemctl", "stop", "post")


def test_the_pages_decode_and_save_inside_their_units_restrictions(box: Box, sheets: list[bytes]) -> None:
    luggage = box.machine.root / "srv/luggage"
    luggage.mkdir()
    shutil.copy(REPOSITORY / "tests/support/visit.py", luggage)
    (luggage / "picture.jpg").write_bytes(sheets[0])
    blank = np.full((1200, 850), 255, np.uint8)
    for left, top, width, height in SKETCH_BOXES:
        cv2.rectangle(blank, (left, top), (left + width, top + height), 0, 2)
    cv2.imwrite(str(luggage / "blank.png"), blank)
    fields = [{"name": f"q{at}", "kind": "mark", "max": "10", "box": place} for at, place in enumerate(SKETCH_BOXES)]
    (luggage / "sketch.json").write_text(json.dumps({"name": "weekly-test", "title": "A test", "fields": fields}))
    came = visited(box, "")
    assert (came["login"], came["spotted"][0], came["saved"][0]) == (200, 200, 200), came
    assert "all is well" in came["today"][1]
    assert json.loads(came["spotted"][1])["lines"]
    assert (box.machine.root / "var/lib/sheetwatch/templates/weekly-test/template.yaml").exists()
    loaded = ("journalctl", "--output=cat", "--no-pager", "SHEETWATCH_EVENT=forms_loaded")
    wait_until(lambda: "forms" in box.machine.ask(*loaded), timeout_s=60)
    daemon = box.show("MainPID")
    box.machine.run("systemctl", "kill", "--signal=KILL", "sheetwatch-web")
    box.machine.run("sheetwatch", "web", "--set-password", "/etc/sheetwatch/web-password", stdin="open sesame\n")
    box.machine.run("systemctl", "restart", "sheetwatch-web")
    assert visited(box, "a guess")["login"] == 403
    assert visited(box, "open sesame")["login"] == 200
    assert box.show("MainPID") == daemon, "the daemon did not notice"
    shutil.rmtree(box.machine.root / "var/lib/sheetwatch/templates/weekly-test")


def visited(box: Box, password: str) -> dict[str, Any]:
    """What somebody sees who visits the pages, once they answer."""
    page, words = "http://127.0.0.1:8765", ("ann", password, "/srv/luggage")
    wait_until(lambda: not box.machine.run("python3", "-c", ANSWERS, page, check=False).returncode, timeout_s=60)
    came: dict[str, Any] = json.loads(box.machine.run("python3", "/srv/luggage/visit.py", page, *words).stdout)
    return came


def test_a_hanging_daemon_is_started_again(box: Box) -> None:
    drop_in = box.machine.root / "etc/systemd/system/sheetwatch.service.d"
    drop_in.mkdir()
    (drop_in / "quick.conf").write_text("[Service]\nWatchdogSec=4\n")
    box.machine.run("systemctl", "daemon-reload")
    box.machine.run("systemctl", "restart", "sheetwatch")
    box.drop()
    hanging = box.show("MainPID")
    box.machine.run("kill", "-STOP", hanging)
    began_s = time.monotonic()
    wait_until(lambda: box.is_ready(after=hanging), timeout_s=120)
    print(f"\nhung, and ready again after {time.monotonic() - began_s:.1f} s with a watchdog of 4 s")
    box.check_nothing_lost()
    shutil.rmtree(drop_in)
    box.machine.run("systemctl", "daemon-reload")


def test_a_crashed_daemon_is_ready_again_within_three_seconds(box: Box) -> None:
    took_s = []
    for _ in range(3):
        box.drop()
        crashed = box.show("MainPID")
        box.machine.run("kill", "-KILL", crashed)
        began_s = time.monotonic()
        wait_until(lambda crashed=crashed: box.is_ready(after=crashed), timeout_s=60)  # type: ignore[misc]
        took_s.append(time.monotonic() - began_s)
    print(f"\nready after {', '.join(f'{it:.1f}' for it in took_s)} s")
    assert min(took_s) < _READY_WITHIN_S  # the shortest: the machine may be busy
    box.check_nothing_lost()


def test_after_a_power_cut_the_backlog_is_read_in_order(box: Box) -> None:
    box.machine.run("systemctl", "stop", "sheetwatch")
    names = [box.drop() for _ in range(8)]
    box.machine.run("sync")
    box.machine.pull_the_plug()
    box.machine.boot()
    box.check_nothing_lost()
    told = json.loads(box.machine.ask("sheetwatch", "status", "--json", "--last", str(len(names))))["last"]
    assert sorted((sheet["decided_at"], sheet["source"]) for sheet in told) == sorted(
        (sheet["decided_at"], name)
        for sheet, name in zip(sorted(told, key=lambda sheet: sheet["decided_at"]), names, strict=True)
    )


def test_upgrade_and_rollback_while_scans_arrive_lose_nothing(box: Box) -> None:
    copy_checkout(box.machine.root / "checkout-2", version="0.1.900")
    first, settings = box.version(), (box.machine.root / "etc/sheetwatch/sheetwatch.yaml").read_text()
    with scans_arriving(box):
        box.install("checkout-2", "upgrade")
        assert box.version().startswith("0.1.900-")
        box.machine.run("sh", "/opt/sheetwatch/current/share/sheetwatch/install.sh", "rollback")
        assert box.version() == first
    assert box.show("ActiveState") == "active"
    assert (box.machine.root / "etc/sheetwatch/sheetwatch.yaml").read_text() == settings
    box.check_nothing_lost()


def test_a_version_that_does_not_start_is_taken_back_by_itself(box: Box) -> None:
    copy_checkout(box.machine.root / "checkout-3", version="0.1.901")
    broken = box.machine.root / "checkout-3/daemon/sheetwatch/service/daemon.py"
    broken.write_text(broken.read_text().replace("    check_folders(settings)", "    raise OSError('broken')", 1))
    before = box.version()
    with scans_arriving(box):
        done = box.install("checkout-3", "upgrade", check=False)
    assert done.returncode == 1
    assert f"{before} is back" in done.stderr
    assert box.version() == before
    assert box.version_before().startswith("0.1.900-")
    assert box.show("ActiveState") == "active"
    box.check_nothing_lost()


def test_inference_in_the_unit_is_as_fast_as_outside_it(box: Box, sheets: list[bytes]) -> None:
    (box.machine.root / "srv/page.jpg").write_bytes(sheets[0])
    unit = (REPOSITORY / "deploy/sheetwatch.service").read_text().split("[Service]")[1].split("[Install]")[0]
    unwanted = ("Type", "NotifyAccess", "Exec", "Watchdog", "Timeout", "Restart", "Environment")
    lines = [line for line in unit.splitlines() if "=" in line and not line.startswith((*unwanted, "#"))]
    properties = [word for line in lines for word in ("--property", line)]
    read = ["/opt/sheetwatch/current/bin/sheetwatch", "--config", "/etc/sheetwatch/sheetwatch.yaml", "read", "--json"]
    read += ["/srv/page.jpg"] * 12
    inside, outside = [], []
    for _ in range(3):
        inside.append(quickest(box.machine.run("systemd-run", "--quiet", "--pipe", "--wait", *properties, *read)))
        outside.append(quickest(box.machine.run(*read)))
    print(f"\na page: {min(inside):.1f} ms under the unit's restrictions, {min(outside):.1f} ms outside")
    assert min(inside) < _MOST_SLOWER * min(outside)


def quickest(done: subprocess.CompletedProcess[str]) -> float:
    return min(float(json.loads(line)["elapsed_ms"]) for line in done.stdout.splitlines())


def test_it_is_removed_and_leaves_what_was_read_unless_told_otherwise(box: Box) -> None:
    box.install("checkout", "uninstall")
    root = box.machine.root
    assert box.machine.ask("systemctl", "is-active", "sheetwatch") == "inactive"
    assert not (root / "opt/sheetwatch").exists()
    assert (root / "etc/sheetwatch/sheetwatch.yaml").exists()
    assert (root / "var/lib/sheetwatch/sheetwatch.db").exists()
    box.install("checkout", "install")
    box.drop()
    box.check_nothing_lost()
    box.install("checkout", "uninstall", "--purge")
    for gone in ("etc/sheetwatch", "var/lib/sheetwatch", "srv/sheetwatch", "usr/local/bin/sheetwatch"):
        assert not (root / gone).exists()
    assert "sheetwatch" not in (root / "etc/passwd").read_text()
    assert "sheetwatch" not in (root / "etc/samba/smb.conf").read_text()
