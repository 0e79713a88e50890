"""An evaluation as tables for a terminal, and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from sheetwatch.lab.evaluate import Kind
from sheetwatch.lab.evaluate_columns import (
    MARKDOWN,
    READ_AND_ACCEPTED,
    RISKS,
    TIME,
    TRUST,
    class_rows,
    headline,
    letters_line,
)
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from sheetwatch.lab.evaluate import Evaluation, Scored
    from sheetwatch.lab.evaluate_columns import Column

_CLASSES_A_TABLE = 10
_NAMED_PAIRS = 4


def print_tables(evaluation: Evaluation, console: Console) -> None:
    """Every figure that fits on a terminal; pictures, matrices and curves are for the other forms."""
    console.print(Text(headline(evaluation), style="bold"), soft_wrap=True)
    console.print(_table("Read and accepted", READ_AND_ACCEPTED, evaluation))
    console.print(_table("How far the probabilities hold; time a cell", (*TRUST, *TIME), evaluation))
    console.print(_table("Percent wrong among the surest", RISKS, evaluation))
    for table in _class_tables(evaluation):
        console.print(table)
    for line in _mistake_lines(evaluation):
        console.print(Text(line), soft_wrap=True)


def markdown(evaluation: Evaluation) -> str:
    """The figures as a Markdown table, for a model card."""
    titles = ["set", *(column.title for column in MARKDOWN)]
    rows = [
        [plain_text(one.name).replace("|", "\\|"), *(column.text(one) for column in MARKDOWN)]
        for one in evaluation.scored
    ]
    lines = ["| " + " | ".join(row) + " |" for row in (titles, ["---", *["---:"] * len(MARKDOWN)], *rows)]
    return "\n".join([headline(evaluation), "", *lines, "", *_letter_lines(evaluation)]).rstrip() + "\n"


def _table(title: str, columns: Sequence[Column], evaluation: Evaluation) -> Table:
    table = _empty_table(title, "set", [column.title for column in columns])
    for number, scored in enumerate(evaluation.scored):
        last_set = number == len(evaluation.sets) - 1
        table.add_row(Text(scored.name), *(column.text(scored) for column in columns), end_section=last_set)
    return table


def _empty_table(title: str, first: str, others: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for other in others:
        table.add_column(Text(other), justify="right", no_wrap=True)
    return table


def _class_tables(evaluation: Evaluation) -> Iterator[Table]:
    """Precision, recall and F1 of the sets with few classes; of the others the workbook lists them."""
    for scored in evaluation.sets:
        if scored.confusion is None or len(scored.classes) == 1:
            continue
        for start in range(0, len(scored.classes), _CLASSES_A_TABLE):
            part = scored.classes[start : start + _CLASSES_A_TABLE]
            table = _empty_table(f"Classes of {scored.name}", "", [score.name for score in part])
            for name, figures in class_rows(part):
                table.add_row(name, *figures)
            yield table


def _mistake_lines(evaluation: Evaluation) -> Iterator[str]:
    for scored in evaluation.sets:
        if scored.pairs:
            yield f"Most frequent mistakes of {scored.name}: {_pairs(scored)}"
    yield from _letter_lines(evaluation)


def _pairs(scored: Scored) -> str:
    named = [f"{pair.truth} read as {pair.read} ({pair.count})" for pair in scored.pairs[:_NAMED_PAIRS]]
    return ", ".join(named)


def _letter_lines(evaluation: Evaluation) -> Iterator[str]:
    titles = {Kind.LETTERS: "Letters", Kind.LOOK_ALIKES: "Letters that some hands write as digits"}
    for kind, title in titles.items():
        line = letters_line(evaluation, kind)
        if line:
            yield f"{title}: {line}"
