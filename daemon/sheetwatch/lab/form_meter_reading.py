"""The second of the project's own forms: a meter reader's slip."""

from __future__ import annotations

from sheetwatch.domain import Field, FieldKind, SumCheck, Template
from sheetwatch.lab.form_canvas import HAIR_MM, THICK_MM, Canvas

_LEFT, _RIGHT = 9.0, 201.0


def meter_reading() -> Template:
    """The slip as a template: A5 landscape at 200 dpi, seven fields, day and night units summed."""
    canvas = Canvas(210, 148)
    _header(canvas)
    fields = (*_meter(canvas), *_registers(canvas), *_visit(canvas))
    _foot(canvas)
    return Template(
        name="meter-reading",
        title="Electricity meter reading slip",
        reference=canvas.print_out(),
        fields=fields,
        checks=(SumCheck(total="units", terms=("day", "night")),),
        key="meter",
    )


def _header(canvas: Canvas) -> None:
    canvas.bar(_LEFT, 4.5, _RIGHT, 7)
    canvas.emblem(22, 22, 11.5, kind="bolt")
    canvas.text(38, 11, "Tarn Valley Power & Light", 7.4, bold=True)
    canvas.text(38, 20.5, "METER READING SLIP", 5.2)
    canvas.text(38, 27.5, "Domestic two-rate tariff  ·  one slip for each meter  ·  ballpoint, no pencil", 2.8)
    canvas.frame(163, 11, _RIGHT, 33, HAIR_MM)
    canvas.text(182, 14.5, "Supply fault? Ring at any hour", 2.3, anchor="mm")
    canvas.text(182, 21, "0800 555 014", 4.8, bold=True, anchor="mm")
    canvas.text(182, 28, "tarnvalley.example", 2.8, anchor="mm")
    canvas.rule(_LEFT, 37, _RIGHT, 37, THICK_MM)


def _meter(canvas: Canvas) -> tuple[Field, ...]:
    canvas.text(_LEFT, 42, "Meter number", 3.6, bold=True)
    canvas.text(_LEFT, 47, "on the plate under the glass", 2.4)
    meter = canvas.comb(48, 40.5, 8, 9, 11)
    canvas.text(128, 42, "Date", 3.6, bold=True)
    canvas.text(128, 47, "DD MM YY", 2.4)
    date = canvas.comb(145, 40.5, 6, 9, 11)
    return (
        Field(name="meter", kind=FieldKind.DIGITS, length=8, comb=8, required=True, box=meter),
        Field(name="date", kind=FieldKind.DIGITS, length=6, comb=6, required=True, box=date),
    )


def _registers(canvas: Canvas) -> tuple[Field, ...]:
    rows = (
        ("day", "R1", "Day register", "07:00 to 23:00, kWh, whole units", 99_999, True),
        ("night", "R2", "Night register", "23:00 to 07:00, kWh, whole units", 99_999, False),
        ("units", "R1 + R2", "Both registers together", "add the two figures above", 199_998, False),
    )
    fields = []
    for k, (name, code, words, hint, largest, required) in enumerate(rows):
        top, bottom = 58.0 + 16 * k, 74.0 + 16 * k
        canvas.frame(_LEFT, top, 34, bottom)
        canvas.text(21.5, (top + bottom) / 2, code, 4.6, bold=True, anchor="mm")
        canvas.frame(34, top, 92, bottom)
        canvas.text(37, top + 3, words, 3.8, bold=True)
        canvas.text(37, top + 9.5, hint, 2.6)
        box = canvas.frame(92, top, 144, bottom, THICK_MM)
        fields.append(Field(name=name, kind=FieldKind.INTEGER, max=largest, required=required, box=box))
    return tuple(fields)


def _visit(canvas: Canvas) -> tuple[Field, ...]:
    canvas.bar(148, 58, _RIGHT, 65, 60)
    canvas.text(174.5, 61.5, "FOR THE METER READER", 2.9, bold=True, anchor="mm", ink=255)
    canvas.frame(148, 58, _RIGHT, 106)
    canvas.text(151, 68, "Reader's number", 2.9)
    reader = canvas.comb(157, 72.5, 4, 9, 11)
    canvas.text(151, 88, "Seals found", 2.9, bold=True)
    canvas.text(151, 92.5, "intact, 0 to 9", 2.4)
    seals = canvas.frame(177, 88, 197, 102)
    return (
        Field(name="reader", kind=FieldKind.DIGITS, length=4, comb=4, box=reader),
        Field(name="seals", kind=FieldKind.INTEGER, max=9, box=seals),
    )


def _foot(canvas: Canvas) -> None:
    canvas.text(_LEFT, 111, "How to fill in this slip", 3.2, bold=True)
    lines = (
        "Write each figure clearly with a dark pen. Leave out red figures after the comma: whole units only.",
        "If the display is dark, press the grey button once. If a register cannot be read, leave its box empty.",
        "A wrong figure is crossed out once and the right one written beside it. Do not use correction fluid.",
    )
    for k, line in enumerate(lines):
        canvas.text(_LEFT, 116.5 + 4.4 * k, line, 2.7)
    canvas.text(153, 111, "Signature", 2.7)
    canvas.dotted(153, 126, _RIGHT)
    canvas.waves(_LEFT, 131, _RIGHT, 7, strands=4)
    canvas.text(_LEFT, 141, "TVP 27-b  ·  printed in Tarn", 2.3)
    canvas.text(_RIGHT, 141, "Keep dry. Hand in at the depot on the day of reading.", 2.3, anchor="ra")
