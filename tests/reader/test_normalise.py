from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.reader.normalise import HEIGHT, WIDTHS, Prepared, normalise, prepare, prepare_all

Grey = npt.NDArray[np.uint8]


def paper(rows: int = 80, columns: int = 240, light: int = 235) -> Grey:
    return np.full((rows, columns), light, np.uint8)


def with_seven(cell: Grey, left: int, top: int, dark: int = 20) -> Grey:
    size = 40
    corners = np.array([[left, top], [left + size // 2, top], [left + size // 5, top + size]])
    return np.asarray(cv2.polylines(cell.copy(), [corners], isClosed=False, color=dark, thickness=4), dtype=np.uint8)


def likeness(one: Grey | None, other: Grey | None) -> float:
    """Correlation of two pictures of one width, at the best shift of up to one pixel."""
    assert one is not None
    assert other is not None
    shifts = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
    rolled = [np.roll(one, shift, (0, 1)).ravel().astype(float) for shift in shifts]
    return max(float(np.corrcoef(candidate, other.ravel().astype(float))[0, 1]) for candidate in rolled)


@given(st.integers(20, 180), st.integers(10, 30))
def test_the_place_in_the_box_does_not_matter(left: int, top: int) -> None:
    reference = normalise(with_seven(paper(), 100, 20))
    assert likeness(normalise(with_seven(paper(), left, top)), reference) > 0.9


@pytest.mark.parametrize("zoom", [0.5, 2.0, 4.0])
def test_the_resolution_does_not_matter(zoom: float) -> None:
    cell = with_seven(paper(), 100, 20)
    scaled = np.asarray(cv2.resize(cell, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    assert likeness(normalise(scaled), normalise(cell)) > 0.93


@pytest.mark.parametrize(("light", "dark"), [(250, 0), (250, 200), (150, 120), (90, 40)])
def test_light_and_contrast_do_not_matter(light: int, dark: int) -> None:
    reference = normalise(with_seven(paper(), 100, 20))
    assert likeness(normalise(with_seven(paper(light=light), 100, 20, dark)), reference) > 0.95


def test_a_printed_border_is_not_ink() -> None:
    cell = with_seven(paper(), 100, 20)
    framed = cell.copy()
    framed[:2] = framed[-2:] = 30
    framed[:, :2] = framed[:, -2:] = 30
    assert likeness(normalise(framed), normalise(cell)) > 0.97


@pytest.mark.parametrize("height", [0.35, 0.5, 0.95])
def test_a_decimal_point_is_shown_low_or_raised(height: float) -> None:
    cell = with_seven(with_seven(paper(), 60, 20), 120, 20)
    pointed = cv2.circle(cell.copy(), (105, round(20 + 40 * height)), 3, 20, -1)
    with_point, without = normalise(np.asarray(pointed, dtype=np.uint8)), normalise(cell)
    assert with_point is not None
    assert without is not None
    assert with_point.astype(int).sum() > without.astype(int).sum() + 1000


def test_a_speck_above_the_writing_is_left_out() -> None:
    cell = with_seven(with_seven(paper(), 60, 30), 120, 30)
    specked = np.asarray(cv2.circle(cell.copy(), (105, 15), 2, 20, -1), dtype=np.uint8)
    assert likeness(normalise(specked), normalise(cell)) > 0.97


def test_a_tall_one_in_a_tight_crop_is_ink() -> None:
    cell = paper(40, 30)
    cell[3:37, 3:7] = 30
    picture = normalise(cell)
    assert picture is not None
    assert picture.max() > 200


@pytest.mark.parametrize("grain", [0, 2, 6, 12])
def test_grain_is_not_made_into_ink(grain: int) -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(rng.normal(200, grain, (80, 240)), 0, 255).astype(np.uint8)
    assert normalise(noisy) is None


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_any_crop_gives_a_picture_of_a_known_size_or_none(rows: int, columns: int, seed: int) -> None:
    cell = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)
    picture = normalise(cell)
    assert picture is None or (picture.dtype == np.uint8 and picture.shape in {(HEIGHT, width) for width in WIDTHS})


@pytest.mark.parametrize("light", [0, 128, 255])
def test_a_plain_crop_holds_nothing(light: int) -> None:
    assert normalise(paper(light=light)) is None


def written_on(rows: int, columns: int, rng: np.random.Generator) -> Grey:
    """Grainy paper in uneven light with strokes anywhere, some of them along an edge."""
    light = np.linspace(rng.integers(120, 250), rng.integers(120, 250), columns)
    cell = np.clip(rng.normal(light, rng.integers(0, 6), (rows, columns)), 0, 255).astype(np.uint8)
    for _ in range(rng.integers(0, 5)):
        one, other = rng.integers(-5, (columns + 5, rows + 5), (2, 2)).tolist()
        cv2.line(cell, one, other, color=30, thickness=int(rng.integers(1, 5)))
    return cell


def told(prepared: Prepared) -> tuple[object, ...]:
    picture = None if prepared.picture is None else prepared.picture.tolist()
    return picture, prepared.left_out, prepared.zoom, prepared.start


@given(
    st.lists(st.tuples(st.sampled_from([5, 6, 20, 23, 24, 60, 72, 130]), st.integers(1, 200)), max_size=10),
    st.integers(0, 2**32 - 1),
)
def test_many_crops_are_prepared_as_each_alone(shapes: list[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = [written_on(rows, columns, rng) for rows, columns in 6 * shapes]
    assert [told(one) for one in prepare_all(cells)] == [told(prepare(cell)) for cell in cells]
