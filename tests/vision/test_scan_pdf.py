"""PDF: embedded pages come out as the page shows them, everything else is rendered, nothing is repaired silently."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pikepdf
import pytest
from PIL import Image

from sheetwatch.domain import Limits, ReasonCode, ScanError
from sheetwatch.vision.decode import open_scan
from support.pdf_by_hand import PdfImage, fax_image, image_page, jbig2_image
from support.seed_scans import small_page

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

# Points of the picture's place on a page of 300 x 400: (a, b, c, d, e, f), and how the pixels are turned by it.
MATRICES: dict[str, tuple[tuple[float, ...], Callable[[Grey], Grey]]] = {
    "as it is": ((300, 0, 0, 400, 0, 0), lambda p: p),
    "upside down": ((-300, 0, 0, -400, 300, 400), lambda p: p[::-1, ::-1]),
    "mirrored": ((-300, 0, 0, 400, 300, 0), lambda p: p[:, ::-1]),
    "flipped": ((300, 0, 0, -400, 0, 400), lambda p: p[::-1]),
}


def make_pdf(
    picture: Grey,
    *,
    size: tuple[float, float] = (300, 400),
    matrix: tuple[float, ...] = (300, 0, 0, 400, 0, 0),
    rotate: int = 0,
    extra: bytes = b"",
    **image: Any,
) -> bytes:
    """One page with one picture on it, and what `extra` draws after it."""
    pdf = pikepdf.new()
    stream = pikepdf.Stream(pdf, picture.tobytes())
    stream.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=picture.shape[1],
        Height=picture.shape[0],
        ColorSpace=pikepdf.Name.DeviceGray,
        BitsPerComponent=8,
        **image,
    )
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    place = " ".join(f"{number:g}" for number in matrix)
    page = pdf.add_blank_page(page_size=size)
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=stream), Font=pikepdf.Dictionary(F=font))
    page.Contents = pdf.make_stream(f"q {place} cm /Im Do Q\n".encode() + extra)
    page.Rotate = rotate
    return saved(pdf)


def saved(pdf: pikepdf.Pdf, **options: Any) -> bytes:
    out = io.BytesIO()
    pdf.save(out, **options)
    return out.getvalue()


def page_of(data: bytes, limits: Limits | None = None) -> Grey:
    with open_scan(data, limits) as scan:
        return scan.page(0).grey


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("quarter_turns", range(4))
def test_embedded_page_is_turned_as_the_page_shows_it(grey: Grey, name: str, quarter_turns: int) -> None:
    matrix, shown = MATRICES[name]
    found = page_of(make_pdf(grey, matrix=matrix, rotate=90 * quarter_turns))
    assert np.array_equal(found, np.rot90(shown(grey), -quarter_turns))


@pytest.mark.parametrize("quarter_turns", range(4))
def test_picture_laid_on_its_side(grey: Grey, quarter_turns: int) -> None:
    # The matrix turns the picture by 90 degrees counter-clockwise onto a page of 400 x 300.
    found = page_of(make_pdf(grey, size=(400, 300), matrix=(0, 300, -400, 0, 400, 0), rotate=90 * quarter_turns))
    assert np.array_equal(found, np.rot90(np.rot90(grey), -quarter_turns))


def test_embedded_and_rendered_agree(grey: Grey) -> None:
    for matrix, _ in MATRICES.values():
        for rotate in (0, 90, 180, 270):
            embedded = page_of(make_pdf(grey, matrix=matrix, rotate=rotate))
            rendered = page_of(make_pdf(grey, matrix=matrix, rotate=rotate, extra=b"0 0 1 1 re f\n"))
            small = np.asarray(
                Image.fromarray(rendered).resize((embedded.shape[1], embedded.shape[0]), Image.Resampling.BOX)
            )
            assert np.abs(small.astype(int) - embedded)[5:-5, 5:-5].mean() < 4


def test_resolution_of_an_embedded_page(grey: Grey) -> None:
    with open_scan(make_pdf(grey)) as scan:
        page = scan.page(0)
    assert page.dpi is None or page.dpi == pytest.approx(grey.shape[1] / 300 * 72)
    assert page.grey.shape == grey.shape


def test_invisible_text_changes_nothing(grey: Grey) -> None:
    hidden = b"BT 3 Tr /F 40 Tf 50 200 Td (0123456789) Tj ET\n"
    assert np.array_equal(page_of(make_pdf(grey, extra=hidden)), grey)


@pytest.mark.parametrize(
    "extra",
    [
        b"BT /F 40 Tf 50 200 Td (0123456789) Tj ET\n",
        b"0 g 20 20 200 40 re f\n",
        b"0 g 4 w 10 10 m 290 390 l S\n",
    ],
    ids=["text", "box", "stroke"],
)
def test_what_is_drawn_over_the_picture_is_seen(grey: Grey, extra: bytes) -> None:
    # A tablet's strokes or typed marks over a scan are as good as ink.
    plain = page_of(make_pdf(np.full_like(grey, 255), extra=extra))
    assert plain.shape != grey.shape
    assert (plain < 100).sum() > 200


def test_annotations_are_seen(grey: Grey) -> None:
    with pikepdf.open(io.BytesIO(make_pdf(np.full_like(grey, 255)))) as pdf:
        look = pdf.make_stream(b"0 g 0 0 100 50 re f\n")
        look.stream_dict = pikepdf.Dictionary(
            Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=pikepdf.Array([0, 0, 100, 50])
        )
        mark = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Square, Rect=pikepdf.Array([100, 100, 200, 150]), F=4,
            AP=pikepdf.Dictionary(N=look),
        )  # fmt: skip
        pdf.pages[0].Annots = pikepdf.Array([pdf.make_indirect(mark)])
        assert (page_of(saved(pdf)) < 100).sum() > 200


def test_inverted_decode_array(grey: Grey) -> None:
    found = page_of(make_pdf(grey, Decode=pikepdf.Array([1, 0])))
    assert np.array_equal(found, 255 - grey)


def test_half_of_a_double_page_is_cropped(grey: Grey) -> None:
    with pikepdf.open(io.BytesIO(make_pdf(grey, size=(300, 400)))) as pdf:
        pdf.pages[0].CropBox = pikepdf.Array([0, 0, 150, 400])
        found = page_of(saved(pdf))
    assert found.shape[1] / found.shape[0] == pytest.approx(150 / 400, rel=0.02)


def test_uneven_resolution_comes_out_square(grey: Grey) -> None:
    # A fax has twice as many pixels across as down.
    fax = np.repeat(grey, 2, axis=1)
    found = page_of(make_pdf(fax))
    assert found.shape[1] / found.shape[0] == pytest.approx(300 / 400, rel=0.02)


def test_a_picture_that_does_not_fill_the_page_is_rendered(grey: Grey) -> None:
    found = page_of(make_pdf(grey, matrix=(150, 0, 0, 200, 0, 200)))
    assert found.shape == (1112, 834)  # 400 x 300 points at 200 dpi, rounded up
    assert found[-100:].min() == 255


def test_a_page_that_shows_nothing_is_damaged_and_no_blank_sheet() -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    with pytest.raises(ScanError, match="shows nothing"):
        page_of(saved(pdf))


@pytest.mark.parametrize("damage", ["name", "kind", "place"])
def test_a_picture_lost_to_damage_does_not_leave_a_blank_page(grey: Grey, damage: str) -> None:
    with pikepdf.open(io.BytesIO(make_pdf(grey))) as pdf:
        page = pdf.pages[0]
        if damage == "name":
            page.Resources.XObject = pikepdf.Dictionary(Other=page.Resources.XObject.Im)
        elif damage == "kind":
            page.Resources.XObject.Im.Subtype = pikepdf.Name.Inage
        else:
            page.Contents = pdf.make_stream(b"q 300 0 0 400 0 65536 cm /Im Do Q")
        data = saved(pdf)
    with pytest.raises(ScanError, match="shows nothing"):
        page_of(data)


def test_a_rendered_picture_of_blank_paper_is_white() -> None:
    white = np.full((400, 300), 255, np.uint8)
    assert page_of(make_pdf(white, matrix=(300, 0, 0, 280, 0, 120))).min() == 255


@pytest.mark.parametrize("embed", [fax_image, jbig2_image])
def test_blank_paper_of_a_fax_is_white(embed: Callable[[Image.Image], PdfImage]) -> None:
    assert page_of(image_page(embed(Image.new("L", (840, 1188), 255)))).min() == 255


def test_a_picture_of_which_nothing_can_be_decoded_is_no_blank_page() -> None:
    lost = replace(jbig2_image(small_page()), data=bytes(len(jbig2_image(small_page()).data)))
    with pytest.raises(ScanError):
        page_of(image_page(lost))


def test_password(grey: Grey) -> None:
    with pikepdf.open(io.BytesIO(make_pdf(grey))) as pdf:
        locked = saved(pdf, encryption=pikepdf.Encryption(owner="o", user="u"))
        readable = saved(pdf, encryption=pikepdf.Encryption(owner="o", user=""))
    with pytest.raises(ScanError) as caught:
        open_scan(locked)
    assert caught.value.code is ReasonCode.ENCRYPTED
    assert np.array_equal(page_of(readable), grey)


@pytest.mark.parametrize("side", [14_400.0, 200_000.0, 1e9])
def test_huge_page(grey: Grey, side: float) -> None:
    with pikepdf.open(io.BytesIO(make_pdf(grey))) as pdf:
        pdf.pages[0].MediaBox = pikepdf.Array([0, 0, int(side), int(side)])
        data = saved(pdf)
    with pytest.raises(ScanError) as caught:
        page_of(data)
    assert caught.value.code in {ReasonCode.TOO_LARGE, ReasonCode.UNREADABLE_FILE}


def test_a_large_page_is_rendered_within_the_limit() -> None:
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(2384, 3370))  # A0
    page.Contents = pdf.make_stream(b"0 0 1200 1200 re f")
    limits = Limits(megapixels=30)
    assert 20e6 < page_of(saved(pdf), limits).size <= 30e6


def test_huge_embedded_image_is_refused_before_decoding() -> None:
    tiny = np.zeros((1, 1), np.uint8)
    with pikepdf.open(io.BytesIO(make_pdf(tiny))) as pdf:
        image = pdf.pages[0].Resources.XObject.Im
        image.Width = image.Height = 30_000
        data = saved(pdf)
    with pytest.raises(ScanError) as caught:
        page_of(data)
    assert caught.value.code is ReasonCode.TOO_LARGE


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"], ids=["cut", "cut, with an end mark"])
def test_embedded_jpeg_that_was_cut(scans: dict[str, bytes], end: bytes) -> None:
    jpeg = scans["jpeg"][: len(scans["jpeg"]) // 2] + end
    with pikepdf.open(io.BytesIO(make_pdf(np.zeros((1, 1), np.uint8)))) as pdf:
        image = pdf.pages[0].Resources.XObject.Im
        image.Width, image.Height = 120, 160
        image.ColorSpace = pikepdf.Name.DeviceRGB
        image.write(jpeg, filter=pikepdf.Name.DCTDecode)
        data = saved(pdf)
    with pytest.raises(ScanError):
        page_of(data)


def test_a_damaged_cross_reference_is_not_repaired_silently(grey: Grey) -> None:
    data = make_pdf(grey)
    offset = re.findall(rb"startxref\s+(\d+)", data)[-1]
    with pytest.raises(ScanError):
        page_of(data.replace(b"startxref\n" + offset, b"startxref\n" + b"7".rjust(len(offset), b"0")))


def test_too_many_pages_and_none() -> None:
    pdf = pikepdf.new()
    for _ in range(12):
        pdf.add_blank_page()
    data = saved(pdf)
    with open_scan(data, Limits(pages=12)) as scan:
        assert scan.page_count == 12
    with pytest.raises(ScanError) as caught:
        open_scan(data, Limits(pages=11))
    assert caught.value.code is ReasonCode.TOO_LARGE
    with pytest.raises(ScanError):
        open_scan(saved(pikepdf.new()))


def test_junk_before_and_behind(grey: Grey) -> None:
    data = make_pdf(grey)
    assert np.array_equal(page_of(data + b"\n<!-- sent by a printer -->\n"), grey)
    assert np.array_equal(page_of(b"@PJL ENTER LANGUAGE=PDF\r\n" + data), grey)
