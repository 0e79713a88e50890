"""Devices: every point is where the picture shows it, every seed repeats, every file decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from sheetwatch.lab.device import DEVICES, Device, capture, draw_device
from sheetwatch.lab.device_files import write_jpeg, write_pdf, write_scan, write_tiff
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.sheets import Sheet, generate_blank, generate_foreign, generate_sheet

if TYPE_CHECKING:
    from pathlib import Path

SLIP = meter_reading()
PLACES = np.array([(x, y) for x in (70.0, 200.0, 333.0) for y in (60.0, 250.0, 480.0)])

devices = st.builds(
    Device,
    name=st.just("drawn"),
    dpi=st.sampled_from([150.0, 200.0, 300.0]),
    angle_deg=st.floats(-8, 8),
    shear=st.floats(-0.02, 0.02),
    perspective=st.floats(0, 0.05),
    bend_px=st.floats(0, 12),
    margin=st.floats(0.08, 0.2),
    turn=st.integers(0, 3),
)


def sheet_with_dots() -> npt.NDArray[np.uint8]:
    sheet = np.full((540, 400, 3), 255, np.uint8)
    for x, y in PLACES.astype(int):
        cv2.circle(sheet, (int(x), int(y)), 4, (0, 0, 0), -1, cv2.LINE_AA)
    return sheet


def dark_centre(grey: npt.NDArray[np.uint8], near: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The centre of the darkness within 12 pixels of a place."""
    left, top = (near - 12).round().astype(int)
    patch = 255.0 - grey[top : top + 25, left : left + 25]
    y, x = np.mgrid[: patch.shape[0], : patch.shape[1]]
    return np.array([(x * patch).sum(), (y * patch).sum()]) / patch.sum() + (left, top)


@settings(max_examples=60)
@given(device=devices, seed=st.integers(0, 2**32))
def test_points_land_where_the_picture_shows_them(device: Device, seed: int) -> None:
    picture = capture(sheet_with_dots(), 200.0, device, np.random.default_rng(seed))
    grey = np.asarray(cv2.cvtColor(picture.image, cv2.COLOR_RGB2GRAY), np.uint8)
    for place in picture.warp.points(PLACES):
        assert np.hypot(*(dark_centre(grey, place) - place)) < 1.0


def test_the_clean_device_changes_nothing() -> None:
    sheet = generate_sheet(SLIP, 3, device="clean", difficulty="easy")
    boxes = [field.box for field in SLIP.fields]
    assert sheet.quads is not None
    assert [tuple(quad[0]) for quad in sheet.quads] == [(box.left, box.top) for box in boxes if box]
    printed = SLIP.reference < 100
    assert (sheet.grey[printed] < 110).all()


@pytest.mark.parametrize("kind", DEVICES)
def test_every_kind_repeats_by_seed(kind: str) -> None:
    once, again = (generate_sheet(SLIP, 11, device=kind) for _ in range(2))
    assert np.array_equal(once.image, again.image)
    assert once.quads is not None
    assert again.quads is not None
    assert np.array_equal(once.quads, again.quads)
    assert once.truth == again.truth


@pytest.mark.parametrize("kind", DEVICES)
def test_the_fields_stay_in_the_picture(kind: str) -> None:
    for seed in range(4):
        sheet = generate_sheet(SLIP, seed, device=kind)
        assert sheet.quads is not None
        assert sheet.quads.min() > 0
        assert sheet.quads[..., 0].max() < sheet.image.shape[1]
        assert sheet.quads[..., 1].max() < sheet.image.shape[0]


def test_one_bit_is_black_and_white_only() -> None:
    assert set(np.unique(generate_sheet(SLIP, 1, device="office-1bit").image)) == {0, 255}


def test_a_device_of_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        draw_device("camera-obscura", np.random.default_rng(0))


@pytest.mark.parametrize("turn", range(4))
def test_turned_sheets_say_so(turn: int) -> None:
    sheet = generate_sheet(SLIP, 2, device=Device(name="t", turn=turn))
    assert sheet.turned_deg == 90 * turn
    upright = generate_sheet(SLIP, 2, device=Device(name="t"))
    # The turned picture is sampled once more, at whole pixels: the same but for rounding.
    back = np.rot90(sheet.image, turn).astype(int)
    assert np.abs(back - upright.image).mean() < 1.0


def one_bit(seed: int) -> Sheet:
    return generate_sheet(SLIP, seed, device=Device(name="t", mode="1-bit"))


def colour(seed: int) -> Sheet:
    return generate_sheet(SLIP, seed, device="clean")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.tiff"])
def test_files_decode_again(tmp_path: Path, name: str) -> None:
    sheet = colour(1)
    write_scan(tmp_path / name, [sheet])
    with Image.open(tmp_path / name) as back:
        assert back.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert np.abs(np.asarray(back.convert("RGB"), int) - sheet.image).mean() < 3


def test_exif_orientation_shows_the_page_upright(tmp_path: Path) -> None:
    sheet = colour(1)
    for orientation in (1, 3, 6, 8):
        path = tmp_path / f"{orientation}.jpg"
        write_jpeg(path, sheet, orientation=orientation)
        with Image.open(path) as back:
            shown = np.asarray(ImageOps.exif_transpose(back), int)
        assert shown.shape == sheet.image.shape
        assert np.abs(shown - sheet.image).mean() < 3


def test_a_one_bit_tiff_is_group_4_and_keeps_every_pixel_and_page(tmp_path: Path) -> None:
    sheets = [one_bit(1), one_bit(2), one_bit(3)]
    write_tiff(tmp_path / "a.tif", sheets)
    with Image.open(tmp_path / "a.tif") as back:
        assert back.info["compression"] == "group4"
        for k, sheet in enumerate(sheets):
            back.seek(k)
            assert np.array_equal(np.asarray(back.convert("L")), sheet.image)


def test_a_pdf_mixes_colour_and_one_bit_pages(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", [colour(1), one_bit(2), colour(3)])
    data = (tmp_path / "a.pdf").read_bytes()
    assert data.count(b"/DCTDecode") == 2
    assert data.count(b"/CCITTFaxDecode") == 1


@pytest.mark.parametrize(("name", "pages"), [("a.jpg", 2), ("a.bmp", 1)])
def test_what_a_format_cannot_hold_is_refused(tmp_path: Path, name: str, pages: int) -> None:
    with pytest.raises(ValueError, match=name):
        write_scan(tmp_path / name, [colour(1)] * pages)


def test_foreign_and_blank_pages_differ_by_seed_and_hold_no_form() -> None:
    pages = [generate_foreign(seed, device=Device(name="t", dpi=100)) for seed in range(8)]
    pages += [generate_blank(seed, front=SLIP) for seed in range(4)]
    assert len({page.image.tobytes() for page in pages}) == len(pages)
    assert all(page.template is None and page.quads is None and not page.truth for page in pages)
    assert np.array_equal(generate_foreign(5).image, generate_foreign(5).image)
