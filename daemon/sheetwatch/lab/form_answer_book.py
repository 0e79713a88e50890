"""The first of the project's own forms: the cover of an examination answer book."""

from __future__ import annotations

from sheetwatch.domain import BestOf, Box, Field, FieldKind, SumCheck, Template
from sheetwatch.lab.form_canvas import HAIR_MM, THICK_MM, THIN_MM, Canvas

_LEFT, _RIGHT = 11.0, 199.0
_GRID_TOP, _HEAD, _ROW = 152.0, 6.5, 13.5
_PART_END, _MARKS_END = 27.0, 171.0
_INSTRUCTIONS = (
    "1.  Write your roll number and the course code in the boxes above, one digit in each box.",
    "2.  Write on both sides of the paper. Begin each question on a new page and number it in the margin.",
    "3.  Do not tear out any sheet. Rough work is to be crossed through and handed in with this book.",
    "4.  Calculators, telephones and written notes are not allowed in the hall unless the paper says so.",
    "5.  Part A: answer all ten questions.  Part B: the best five of your answers count.  Part C: answer all.",
    "6.  Nothing may be written below the double line. It is kept for the examiner and the scrutiniser.",
)


class _Part:
    """One part of the paper: its letter, questions, marks for each and the marks for all."""

    def __init__(self, letter: str, questions: range, each: int, whole: int) -> None:
        self.letter = letter
        self.questions = questions
        self.each = each
        self.whole = whole

    @property
    def total(self) -> str:
        return f"part_{self.letter.lower()}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"q{number}" for number in self.questions)


_PARTS = (
    _Part("A", range(1, 11), 5, 50),
    _Part("B", range(11, 18), 10, 50),
    _Part("C", range(18, 23), 20, 100),
)


def answer_book() -> Template:
    """The cover as a template: A4 at 200 dpi, 30 fields, each part's total and the grand total checked."""
    canvas = Canvas(210, 297)
    _header(canvas)
    fields = _candidate(canvas)
    _instructions(canvas)
    marks, totals = _grid(canvas)
    total = _grand_total(canvas)
    _signatures(canvas)
    part_a, part_b, part_c = _PARTS
    return Template(
        name="answer-book",
        title="Examination answer book, cover",
        reference=canvas.print_out(),
        fields=(*fields, *marks, *totals, total),
        checks=(
            SumCheck(total=part_a.total, terms=part_a.names),
            SumCheck(total=part_b.total, terms=(BestOf(best=5, of=part_b.names),)),
            SumCheck(total=part_c.total, terms=part_c.names),
            SumCheck(total="total", terms=tuple(part.total for part in _PARTS)),
        ),
        key="roll",
    )


def _header(canvas: Canvas) -> None:
    canvas.emblem(24, 24, 12.5, kind="book")
    canvas.text(41, 13, "RIVERBANK UNIVERSITY", 8.2, bold=True)
    canvas.text(41, 23, "Faculty of Science and Engineering", 4.4)
    canvas.text(41, 29, "Office of the Controller of Examinations · 14 Weir Street, Riverbank", 3.1)
    canvas.frame(168, 11, 199, 35, HAIR_MM)
    canvas.frame(169, 12, 198, 34, HAIR_MM)
    canvas.text(183.5, 19, "SEAL OF THE", 2.6, anchor="mm")
    canvas.text(183.5, 23, "EXAMINATION HALL", 2.6, anchor="mm")
    canvas.text(183.5, 29, "not valid without", 2.2, anchor="mm")
    canvas.bar(_LEFT, 39, _RIGHT, 50)
    canvas.text(15, 44.5, "EXAMINATION ANSWER BOOK", 6.4, bold=True, anchor="lm", ink=255)
    canvas.text(195, 44.5, "Form AB-4   ·   32 pages", 3.4, anchor="rm", ink=255)


def _candidate(canvas: Canvas) -> tuple[Field, ...]:
    _label(canvas, 57.5, "ROLL NUMBER", "one digit in each box")
    roll = canvas.comb(45, 54.5, 10, 9, 11)
    _label(canvas, 73, "COURSE CODE", "as on the question paper")
    course = canvas.comb(45, 70, 6, 9, 11)
    _label(canvas, 88.5, "CANDIDATE'S NAME", "in block letters")
    canvas.dotted(45, 94, 141)
    canvas.text(104, 72, "DATE AND SESSION", 2.6, bold=True)
    canvas.dotted(104, 81, 141)
    canvas.text(146, 57.5, "HALL No.", 3, bold=True)
    hall = canvas.frame(173, 54.5, _RIGHT, 65.5)
    canvas.text(146, 70.5, "EXTRA SHEETS", 3, bold=True)
    canvas.text(146, 75, "attached", 2.6)
    extra = canvas.frame(173, 70, _RIGHT, 81)
    canvas.text(146, 88.5, "INVIGILATOR", 3, bold=True)
    canvas.dotted(173, 94, _RIGHT)
    return (
        Field(name="roll", kind=FieldKind.DIGITS, length=10, comb=10, required=True, box=roll),
        Field(name="course", kind=FieldKind.DIGITS, length=6, comb=6, box=course),
        Field(name="hall", kind=FieldKind.INTEGER, max=60, box=hall),
        Field(name="extra_sheets", kind=FieldKind.INTEGER, max=12, box=extra),
    )


def _label(canvas: Canvas, y: float, words: str, hint: str) -> None:
    canvas.text(_LEFT + 1, y, words, 3, bold=True)
    canvas.text(_LEFT + 1, y + 4.2, hint, 2.4)


def _instructions(canvas: Canvas) -> None:
    canvas.frame(_LEFT, 99, _RIGHT, 139, THIN_MM)
    canvas.bar(_LEFT, 99, _LEFT + 8, 139, 60)
    canvas.text(22, 101.5, "INSTRUCTIONS TO CANDIDATES", 3.2, bold=True)
    for k, line in enumerate(_INSTRUCTIONS):
        canvas.text(22, 107.5 + 5 * k, line, 3.1)
    canvas.rule(_LEFT, 142, _RIGHT, 142, THICK_MM)
    canvas.rule(_LEFT, 143.2, _RIGHT, 143.2, THIN_MM)
    canvas.text(_LEFT + 1, 145, "FOR THE EXAMINER", 3.4, bold=True)
    note = "Whole and half marks only. Leave the box of a question that was not attempted empty, or put a dash."
    canvas.text(_RIGHT - 1, 145.4, note, 2.7, anchor="ra")


def _grid(canvas: Canvas) -> tuple[list[Field], list[Field]]:
    marks: list[Field] = []
    totals: list[Field] = []
    for k, part in enumerate(_PARTS):
        top = _GRID_TOP + k * (_HEAD + _ROW)
        _part_name(canvas, top, part)
        marks += _question_boxes(canvas, top, part)
        totals.append(_part_total(canvas, top, part))
    bottom, out = _GRID_TOP + 3 * (_HEAD + _ROW), THICK_MM - THIN_MM
    canvas.frame(_LEFT - out, _GRID_TOP - out, _RIGHT + out, bottom + out, THICK_MM)
    return marks, totals


def _part_name(canvas: Canvas, top: float, part: _Part) -> None:
    canvas.frame(_LEFT, top, _PART_END, top + _HEAD + _ROW)
    middle = (_LEFT + _PART_END) / 2
    canvas.text(middle, top + 4.2, "PART", 2.8, anchor="mm")
    canvas.text(middle, top + 12, part.letter, 8, bold=True, anchor="mm")


def _question_boxes(canvas: Canvas, top: float, part: _Part) -> list[Field]:
    wide = (_MARKS_END - _PART_END) / len(part.questions)
    fields = []
    for k, number in enumerate(part.questions):
        left = _PART_END + k * wide
        canvas.bar(left, top, left + wide, top + _HEAD, 222)
        canvas.frame(left, top, left + wide, top + _HEAD)
        canvas.text(left + 2, top + _HEAD / 2, f"{number}", 3.6, bold=True, anchor="lm")
        canvas.text(left + wide - 1.6, top + _HEAD / 2, f"/ {part.each}", 2.5, anchor="rm")
        box = canvas.frame(left, top + _HEAD, left + wide, top + _HEAD + _ROW)
        fields.append(_mark(f"q{number}", part.each, box))
    return fields


def _part_total(canvas: Canvas, top: float, part: _Part) -> Field:
    canvas.bar(_MARKS_END, top, _RIGHT, top + _HEAD, 60)
    words = f"TOTAL {part.letter}  / {part.whole}"
    canvas.text((_MARKS_END + _RIGHT) / 2, top + _HEAD / 2, words, 3, anchor="mm", ink=255)
    box = canvas.frame(_MARKS_END, top + _HEAD, _RIGHT, top + _HEAD + _ROW)
    return _mark(part.total, part.whole, box)


def _mark(name: str, largest: int, box: Box, *, required: bool = False) -> Field:
    return Field(name=name, kind=FieldKind.MARK, max=largest, step=0.5, required=required, box=box)


def _grand_total(canvas: Canvas) -> Field:
    top, bottom = 216.0, 234.0
    canvas.frame(_LEFT, top, 124, bottom)
    canvas.text(_LEFT + 2, top + 2, "GRAND TOTAL IN WORDS", 2.8, bold=True)
    canvas.dotted(_LEFT + 2, bottom - 2.5, 122)
    canvas.bar(124, top, 163, bottom, 60)
    canvas.text(143.5, top + 6.5, "GRAND TOTAL", 4.2, bold=True, anchor="mm", ink=255)
    canvas.text(143.5, top + 12.5, "A + B + C, out of 200", 2.8, anchor="mm", ink=255)
    box = canvas.frame(163, top, _RIGHT, bottom, THICK_MM)
    return _mark("total", 200, box, required=True)


def _signatures(canvas: Canvas) -> None:
    words = ("EXAMINER", "SCRUTINISER", "HEAD EXAMINER")
    wide = (_RIGHT - _LEFT) / 3
    for k, word in enumerate(words):
        left = _LEFT + k * wide
        canvas.frame(left, 239, left + wide, 262)
        canvas.text(left + 2, 241, word, 2.8, bold=True)
        canvas.text(left + 2, 257.5, "name, signature, date", 2.4)
    canvas.waves(_LEFT, 265, _RIGHT, 9)
    canvas.rule(_LEFT, 276, _RIGHT, 276, THICK_MM)
    canvas.text(_LEFT, 277.5, "Riverbank University Press  ·  AB-4  ·  revision 3", 2.6)
    canvas.text(
        _RIGHT,
        277.5,
        "Property of the University. Unused books are to be returned to the Controller.",
        2.6,
        anchor="ra",
    )
