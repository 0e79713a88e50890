"""Pages read by a real Dask cluster over TCP: as at home, by the right workers only, and never lost on the way."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import ConfigError, EnvironmentFault, ReasonCode, Settings
from sheetwatch.reader.reader import SHIPPED
from sheetwatch.shipped import shipped_folder
from sheetwatch.worker import PageOutcome, PageTask, WorkerFailure
from sheetwatch.worker.choice import workers_of
from sheetwatch.worker.pool import WorkerPool
from sheetwatch.worker.whole import bytes_of
from support import cluster as clusters
from support.processes import environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from sheetwatch.domain import Limits
    from sheetwatch.worker import PageWorker
    from support.cluster import Cluster

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


@contextmanager
def started(worker: PageWorker) -> Iterator[PageWorker]:
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()


def settings_of(cluster: Cluster, **changes: object) -> Settings:
    plain = Settings(workers=cluster.workers_setting, templates=(clusters.TEMPLATES,))
    return replace(plain, **changes)  # type: ignore[arg-type] # whatever a test wants to change


def scans_in(folder: Path, count: int) -> list[Path]:
    """Each in a folder of its own, as in the state folder: pictures are written beside a scan."""
    files = []
    for name, data in clusters.sheets(count).items():
        file = folder / Path(name).stem / name
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        files.append(file)
    return files


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def told(outcome: PageOutcome) -> object:
    """Everything that a page says, but for the time it took."""
    reading = outcome.reading
    assert reading.alignment is not None
    return (
        replace(outcome, elapsed_ms=0.0, reading=replace(reading, alignment=None)).reading.__reduce_ex__(2)[2],
        outcome.template and outcome.template.revision,
        (outcome.picture, outcome.image, outcome.sheet, outcome.drawn),
        reading.alignment.page_to_template.tobytes(),
    )


def texts(worker: PageWorker) -> str:
    return "\n".join(f"{news.text}; {news.mend}" for news in worker.news())


def test_a_page_is_read_as_at_home_and_its_pictures_come_home(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "home"
    files = scans_in(here, 2)
    shutil.copytree(here, elsewhere)
    with clusters.cluster(tmp_path / "cluster", workers=1) as (cluster, _):
        with started(workers_of(settings_of(cluster))) as worker:
            assert worker.count == 2
            tasks = [PageTask(scan_file=file, page=0, page_count=1, draw=True) for file in files]
            away = [future.result(120) for future in [worker.read(task) for task in tasks]]
            missing = worker.read(PageTask(scan_file=tmp_path / "none.jpg", page=0, page_count=1))
            assert isinstance(missing.exception(60), FileNotFoundError)
            recounted = worker.read(PageTask(scan_file=files[0], page=1, page_count=2)).result(60)
            assert recounted.reading.verdict.reasons[0].code is ReasonCode.INCOMPLETE_FILE
        with started(WorkerPool(settings_of(cluster, workers=1))) as home:
            at_home = [replace(task, scan_file=elsewhere / task.scan_file.relative_to(here)) for task in tasks]
            local = [home.read(task).result(60) for task in at_home]
    for one, other in zip(away, local, strict=True):
        assert told(one) == told(other)
        assert one.picture
    assert contents(here) == contents(elsewhere)


def test_a_scan_of_many_pages_travels_once_to_each_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.worker import line  # noqa: PLC0415 - loads Dask

    read_whole: list[str] = []

    def counted(path: Path, limits: Limits) -> bytes:
        read_whole.append(path.name)
        return bytes_of(path, limits)

    monkeypatch.setattr(line, "bytes_of", counted)
    monkeypatch.setattr(line, "_MOST_BYTES_AWAY", 1000)  # so that pages wait for each other
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(clusters.pdf_of(clusters.sheets(6)))
    with (
        clusters.cluster(tmp_path / "cluster") as (cluster, _),
        started(workers_of(settings_of(cluster))) as worker,
    ):
        assert worker.probe(scan).result(60).page_count == 6
        pages = [worker.read(PageTask(scan_file=scan, page=page, page_count=6)) for page in range(6)]
        templates = {future.result(120).reading.template for future in pages}
    assert templates == {"answer-book", "meter-reading"}
    assert 1 <= len(read_whole) <= 2


def test_a_page_that_takes_too_long_is_told_as_at_home(tmp_path: Path) -> None:
    (file,) = scans_in(tmp_path / "here", 1)
    limits = replace(Settings().limits, page_timeout_s=0.05)
    with (
        clusters.cluster(tmp_path / "cluster", workers=1) as (cluster, _),
        started(workers_of(settings_of(cluster, limits=limits))) as worker,
    ):
        failure = worker.read(PageTask(scan_file=file, page=0, page_count=1)).exception(120)
        assert isinstance(failure, WorkerFailure)
        assert failure.code is ReasonCode.TIMED_OUT


def test_who_is_no_worker_of_ours_gets_no_page_and_is_named_once(tmp_path: Path) -> None:
    (file,) = scans_in(tmp_path / "here", 1)
    own = shutil.copytree(shipped_folder("models"), tmp_path / "models") / f"{SHIPPED}.json"
    manifest = json.loads(own.read_text())
    own.write_text(json.dumps({**manifest, "name": "my-digits"}))
    with clusters.cluster(tmp_path / "cluster", workers=0) as (cluster, _):
        cluster.start_plain_worker()
        older = cluster.start_worker(program=[str(clusters.OTHER_VERSION)])
        other = cluster.start_worker("--model", str(own.with_suffix(".tflite")))
        cluster.wait_for(older, other)
        with started(workers_of(settings_of(cluster))) as worker:
            wait_until(lambda: "my-digits" in refusal(worker) and "0.0.9" in refusal(worker))
            said = refusal(worker)
            assert "is a plain Dask worker; end it, and start `sheetwatch worker` there" in said
            assert "runs Sheetwatch 0.0.9" in said
            assert "install the same version on both" in said
            assert worker.count == 0
            with pytest.raises(EnvironmentFault, match="no worker that may read"):
                worker.read(PageTask(scan_file=file, page=0, page_count=1))
            cluster.wait_for(cluster.start_worker())
            wait_until(lambda: worker.count > 0)
            worker.check()
            pages = [worker.read(PageTask(scan_file=file, page=0, page_count=1)) for _ in range(4)]
            assert {future.result(120).reading.template for future in pages} == {"answer-book"}
            heard = texts(worker)
            assert heard.count("gets no pages") == 3, heard


def refusal(worker: PageWorker) -> str:
    try:
        worker.check()
    except EnvironmentFault as fault:
        return str(fault)
    return ""


def test_without_a_scheduler_it_waits_and_begins_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.worker import cluster as module  # noqa: PLC0415 - beside the test's own

    monkeypatch.setattr(module, "_PATIENCE_S", 0.1)
    with clusters.cluster(tmp_path / "cluster", workers=1) as (cluster, _):
        cluster.kill_scheduler()
        with started(workers_of(settings_of(cluster))) as worker:
            wait_until(lambda: "cannot be reached" in refusal(worker))
            assert worker.count == 0
            cluster.restart_scheduler()
            wait_until(lambda: not refusal(worker))
            assert worker.count == 2


def test_pages_of_a_worker_that_hangs_are_read_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.worker import session  # noqa: PLC0415 - loads Dask

    monkeypatch.setattr(session, "_SILENT_AFTER_S", 3.0)
    files = scans_in(tmp_path / "here", 4)
    with (
        clusters.cluster(tmp_path / "cluster") as (cluster, (hanging, _)),
        started(workers_of(settings_of(cluster))) as worker,
    ):
        wait_until(lambda: worker.count == 4)
        hanging.send_signal(signal.SIGSTOP)
        pages = [worker.read(PageTask(scan_file=file, page=0, page_count=1)) for file in files]
        assert all(future.result(120).reading.template for future in pages)
        wait_until(lambda: worker.count == 2)
        assert "is silent; its pages are read by others" in texts(worker)
        hanging.send_signal(signal.SIGCONT)
        wait_until(lambda: worker.count == 4)


def test_a_page_that_ends_worker_after_worker_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.worker import session  # noqa: PLC0415 - loads Dask

    monkeypatch.setattr(session, "_SILENT_AFTER_S", 3600.0)  # its pages wait for it, however slow this machine is
    one_is_enough = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    files = scans_in(tmp_path / "here", 4)
    with (
        clusters.cluster(tmp_path / "cluster", settings=one_is_enough) as (cluster, (killed, _)),
        started(workers_of(settings_of(cluster))) as worker,
    ):
        wait_until(lambda: worker.count == 4)
        killed.send_signal(signal.SIGSTOP)
        pages = [worker.read(PageTask(scan_file=file, page=0, page_count=1)) for file in files]
        assert next_done(pages).result().reading.template
        killed.kill()
        failures = [failure for page in pages if (failure := page.exception(120))]
        assert failures, "the killed one had none of them"
        assert {failure.code for failure in failures if isinstance(failure, WorkerFailure)} == {
            ReasonCode.WORKER_CRASHED
        }
        assert len(failures) < len(files)


def next_done(pages: list[Future[PageOutcome]]) -> Future[PageOutcome]:
    return wait(pages, timeout=120, return_when=FIRST_COMPLETED).done.pop()


def test_templates_are_refreshed_on_the_workers(tmp_path: Path) -> None:
    forms = shutil.copytree(clusters.TEMPLATES, tmp_path / "forms")
    (file,) = scans_in(tmp_path / "here", 1)
    template = forms / "answer-book" / "template.yaml"
    with (
        clusters.cluster(tmp_path / "cluster", workers=1) as (cluster, _),
        started(workers_of(settings_of(cluster, templates=(forms,)))) as worker,
    ):
        task = PageTask(scan_file=file, page=0, page_count=1)
        before = worker.read(task).result(120).reading.template_revision
        whole = template.read_text()
        template.write_text(whole.replace("fields:", "half-saved: [", 1))
        with pytest.raises(ConfigError):
            worker.reload()
        assert worker.read(task).result(120).reading.template_revision == before
        template.write_text(whole.replace("title:", "title: Another ", 1))
        worker.reload()
        assert worker.read(task).result(120).reading.template_revision not in {before, None}


def test_the_daemon_loads_no_decoder_and_dask_only_for_a_cluster() -> None:
    code = (
        "import sys\n"
        "from sheetwatch.domain import Settings\n"
        "from sheetwatch.worker.choice import workers_of\n"
        "workers_of(Settings())\n"
        "import sheetwatch.service.daemon\n"
        "assert not {'cv2', 'dask', 'distributed', 'tornado'} & sys.modules.keys()\n"
        "workers_of(Settings(workers='dask://127.0.0.1:1'))\n"
        "import sheetwatch.worker.line\n"
        "assert not {'cv2', 'PIL', 'pypdfium2', 'tflite_runtime', 'bokeh', 'pandas'} & sys.modules.keys()\n"
        "assert 'distributed' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment())


def test_without_the_extra_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.worker import dask_quiet  # noqa: PLC0415 - loads structlog

    monkeypatch.setattr(dask_quiet, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"install: pip install 'sheetwatch\[cluster\]'") as caught:
        workers_of(Settings(workers="dask://127.0.0.1:8786"))
    assert caught.value.exit_code == 78
