"""`sheetwatch worker`, and what `run` and `check` say of a cluster: as processes, as people start them."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from sheetwatch.cli import main
from support import cluster as clusters
from support.processes import SETTINGS, Installation, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["host:8786"], "tcp://HOST:PORT or tls://HOST:PORT"),
        (["tcp://host"], "tcp://HOST:PORT"),
        (["auto"], "tcp://HOST:PORT"),
        (["tcp://host:8786", "--pages", "0"], "from 1 to 256"),
        (["tcp://host:8786", "--listen", "a:b:c"], "write HOST, :PORT or HOST:PORT"),
        (["tcp://host:8786", "--listen", ":70000"], "write HOST, :PORT or HOST:PORT"),
    ],
)
def test_slips_of_the_pen_are_usage_errors(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["worker", *arguments]) == 64
    assert words in capsys.readouterr().err


def test_a_model_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker", "tcp://127.0.0.1:1", "--model", str(tmp_path / "none.tflite")]) == 78
    assert "manifest cannot be read" in capsys.readouterr().err


def test_a_worker_listens_on_one_port_joins_waits_and_stops_clean(tmp_path: Path) -> None:
    with clusters.cluster(tmp_path / "cluster", workers=0) as (cluster, _):
        port = clusters.free_port()
        worker = cluster.start_worker("--listen", f"127.0.0.1:{port}")
        cluster.wait_for(worker)
        listening = [one for one in psutil.Process(worker.pid).net_connections("tcp") if one.status == "LISTEN"]
        assert [one.laddr.port for one in listening] == [port]
        cluster.kill_scheduler()
        wait_until(lambda: '"scheduler_does_not_answer"' in cluster.log_of(worker))
        cluster.restart_scheduler()
        cluster.wait_for(worker, joined=2)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
        log = cluster.log_of(worker)
        assert log.endswith("\n")
        assert '"stopped"' in log.splitlines()[-1]
        assert "Traceback" not in log
        assert "distributed" not in log, "Dask's own lines"


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken, clusters.cluster(tmp_path / "cluster", workers=0) as (cluster, _):
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        worker = cluster.start_worker("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert worker.wait(60) == 75
        assert "choose an address of this machine, and a free port" in cluster.log_of(worker)


def test_a_name_that_is_taken_is_told_and_tried_again(tmp_path: Path) -> None:
    with clusters.cluster(tmp_path / "cluster", workers=0) as (cluster, _):
        first = cluster.start_worker("--name", "reader")
        cluster.wait_for(first)
        second = cluster.start_worker("--name", "reader")
        wait_until(lambda: '"cannot_join"' in cluster.log_of(second))
        first.terminate()
        cluster.wait_for(second)


def test_check_and_run_say_what_is_wrong_with_a_cluster(tmp_path: Path) -> None:
    with clusters.cluster(tmp_path / "cluster", workers=0) as (cluster, _):
        settings = f"{SETTINGS}templates: ['{clusters.TEMPLATES}']\nworkers: {cluster.workers_setting}\n"
        place = Installation(tmp_path / "place", settings)
        alone = place.command("check")
        assert alone.returncode == 78
        assert f"has no worker; start one: sheetwatch worker {cluster.address}" in alone.stdout
        once = place.command("run", "--once")
        assert once.returncode == 75
        assert "has no worker" in once.stderr
        assert "Traceback" not in once.stderr
        cluster.wait_for(cluster.start_worker())
        assert place.command("check").returncode == 0
        cluster.kill_scheduler()
        gone = place.command("check")
        assert gone.returncode == 78
        assert "cannot be reached" in gone.stdout


def test_over_tls(tmp_path: Path) -> None:
    settings = _certificate(tmp_path)
    with clusters.cluster(tmp_path / "cluster", workers=1, scheme="tls", settings=settings) as (cluster, _):
        plain = f"{SETTINGS}templates: ['{clusters.TEMPLATES}']\nworkers: {cluster.workers_setting}\n"
        place = Installation(tmp_path / "place", plain)
        for name, data in clusters.sheets(2).items():
            place.drop(name, data)
        done = place.start("-m", "sheetwatch", "run", "--once", "--config", str(place.config), **settings)
        assert done.wait(180) == 0, place.log
        assert place.status()["accounting"]["pages_in"] == 2
        stranger = Installation(tmp_path / "stranger", plain)
        refused = stranger.command("run", "--once")
        assert refused.returncode == 75
        assert "cannot be reached" in refused.stderr


def _certificate(folder: Path) -> dict[str, str]:
    """A certificate for everybody, as Dask's settings."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster"]
    try:
        subprocess.run([*line, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    roles = {f"DASK_DISTRIBUTED__COMM__TLS__{role}" for role in ("SCHEDULER", "WORKER", "CLIENT")}
    pair = {"KEY": str(key), "CERT": str(cert)}
    settings = {f"{role}__{name}": value for role in roles for name, value in pair.items()}
    return {**settings, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(cert)}
