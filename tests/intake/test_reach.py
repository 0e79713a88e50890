"""Shares that hang: noticed within seconds, asked by one thread only, and used again when they answer."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake import reach
from sheetwatch.intake.folders import Root
from sheetwatch.intake.mounts import Mount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The folder is a share, whose calls end when the event is set."""
    back, asked = threading.Event(), os.statvfs
    back.set()

    def hang(folder: Path) -> os.statvfs_result:
        back.wait(60)
        return asked(folder)

    monkeypatch.setattr(reach, "mount_by_name", lambda folder: Mount(point=folder, kind="cifs"))
    monkeypatch.setattr(reach, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(os, "statvfs", hang)
    monkeypatch.setattr(reach, "_asking", {})
    yield back
    back.set()
    for thread in reach._asking.values():
        thread.join(10)


def test_a_share_that_hangs_is_told_at_once_and_used_again_when_it_answers(
    tmp_path: Path, share: threading.Event
) -> None:
    root = Root.of("inbox", tmp_path)
    root.check()
    share.clear()
    began_s = time.monotonic()
    with pytest.raises(EnvironmentFault, match="does not answer; check its network and its server"):
        root.check()
    asking = reach._asking[tmp_path]
    for _ in range(20):
        assert not reach.answers(tmp_path)
    assert time.monotonic() - began_s < 2, "waited for once, not at every look"
    assert reach._asking[tmp_path] is asking, "one thread for each share, however often it is asked"
    share.set()
    asking.join(10)
    root.check()


def test_a_local_folder_is_not_asked_by_a_thread(tmp_path: Path) -> None:
    assert reach.answers(tmp_path)
    assert tmp_path not in reach._asking


def test_an_error_is_an_answer(tmp_path: Path, share: threading.Event) -> None:
    assert share.is_set()
    assert reach.answers(tmp_path / "gone")
