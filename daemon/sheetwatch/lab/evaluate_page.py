"""An evaluation as one self-contained HTML page: pictures inside, nothing fetched, readable on a phone."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from sheetwatch.lab.evaluate import Kind
from sheetwatch.lab.evaluate_columns import (
    LISTED_MISTAKES,
    LISTED_PAIRS,
    READ_AND_ACCEPTED,
    RISKS,
    SUMMARY,
    TIME,
    TRUST,
    Unit,
    accepted_as,
    headline,
    written,
)
from sheetwatch.lab.evaluate_pictures import Subject, caption, thumbnail
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sheetwatch.lab.evaluate import Evaluation, Scored
    from sheetwatch.lab.evaluate_columns import Column
    from sheetwatch.lab.evaluate_metrics import Confusion
    from sheetwatch.lab.evaluate_pictures import Picture

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1f23; --soft: #5b6470; --line: #d5dae0; --shade: #f3f5f7;
  --link: #0b5cad; --bad: #a81f1f; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e6e9ed; --soft: #a3adb8; --line: #363d46;
  --shade: #1e2329; --link: #7db7f2; --bad: #ff8f8f; } .diagram { filter: invert(0.91) hue-rotate(180deg); } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
a { color: var(--link); } nav a { display: inline-block; padding: .3rem .8rem .3rem 0; }
.wide { overflow-x: auto; margin: 1rem 0; } .wide:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { background: var(--shade) padding-box; }
th:first-child { text-align: left; position: sticky; left: 0; }
tbody th { background: var(--paper) padding-box; }
tbody.joint { border-top: 2px solid var(--soft); }
td.hit { font-weight: 600; } td.miss { color: var(--bad); font-weight: 600; }
.diagrams { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.diagrams img { max-width: min(100%, 33rem); height: auto; border-radius: .4rem; }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: .6rem; padding: 0;
  list-style: none; }
.mistakes li { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem; text-align: center;
  font-size: .85rem; overflow-wrap: anywhere; }
.mistakes img { display: block; margin: 0 auto .3rem; max-width: 100%; background: #fff; }
.accepted { color: var(--bad); font-weight: 600; }
dt { font-weight: 600; } dd { margin: 0 0 .3rem 1rem; color: var(--soft); }
summary { cursor: pointer; padding: .4rem 0; }
"""
_LETTER_TITLES = {
    Kind.LETTERS: "Letters that no hand writes as a digit",
    Kind.LOOK_ALIKES: "Letters that some hands write as digits",
}


def page_of(evaluation: Evaluation, pictures: Sequence[Picture], made_by: str) -> str:
    """The whole page. pictures: those of the evaluation. made_by: one line that says what made it, and when."""
    title = f"Evaluation of {_text(evaluation.model_id)}"
    body = [
        f"<header><h1>{title}</h1><p>{_text(headline(evaluation))}</p><p>{_text(made_by)}</p></header>",
        _navigation(evaluation),
        "<main>",
        *_overview(evaluation),
        *(_section(f"set-{number}", scored, pictures) for number, scored in enumerate(evaluation.scored)),
        *_letters(evaluation),
        "</main>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _navigation(evaluation: Evaluation) -> str:
    links = [f'<a href="#set-{number}">{_text(one.name)}</a>' for number, one in enumerate(evaluation.scored)]
    if evaluation.letters:
        links.append('<a href="#letters">letters</a>')
    return f'<nav aria-label="Sets">{" ".join(links)}</nav>'


def _overview(evaluation: Evaluation) -> Iterator[str]:
    yield _summary("Read and accepted", READ_AND_ACCEPTED, evaluation)
    yield _summary("How far the probabilities hold; time a cell", (*TRUST, *TIME), evaluation)
    yield _summary("Percent wrong among the surest", RISKS, evaluation)
    terms = "".join(f"<dt>{_text(column.title)}</dt><dd>{_text(column.meaning)}</dd>" for column in SUMMARY)
    yield f"<details><summary>What the columns mean</summary><dl>{terms}</dl></details>"


def _summary(title: str, columns: Sequence[Column], evaluation: Evaluation) -> str:
    head = _row("th", ["set", *(column.title for column in columns)])
    bodies = (("", evaluation.sets), (' class="joint"', evaluation.together))
    rows = "".join(
        f"<tbody{attribute}>{''.join(_line(one.name, (c.text(one) for c in columns)) for one in part)}</tbody>"
        for attribute, part in bodies
        if part
    )
    return _table(title, head, rows)


def _section(anchor: str, scored: Scored, pictures: Sequence[Picture]) -> str:
    mine = [one for one in pictures if one.set_name == scored.name and one.subject is not Subject.MISTAKES]
    parts = [
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{_text(scored.name)}</h2>',
        f'<div class="diagrams">{"".join(map(_diagram, mine))}</div>',
        _classes(scored),
        _matrix(scored.name, scored.confusion) if scored.confusion else "",
        _pairs(scored),
        _mistakes(scored),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _classes(scored: Scored) -> str:
    if not scored.classes:
        return ""
    rows = "".join(
        _line(
            score.name,
            (
                written(score.precision, Unit.PERCENT),
                written(score.recall, Unit.PERCENT),
                written(score.f1, Unit.PERCENT),
                written(score.support, Unit.COUNT),
            ),
        )
        for score in scored.classes
    )
    head = _row("th", ["class", "precision %", "recall %", "F1 %", "support"])
    return _folded("Classes", _table(f"Classes of {scored.name}", head, f"<tbody>{rows}</tbody>"))


def _matrix(name: str, confusion: Confusion) -> str:
    rows = "".join(_matrix_row(truth, confusion, number) for number, truth in enumerate(confusion.truths))
    head = _row("th", ["is, read as", *confusion.reads])
    return _folded("Confusion matrix as a table", _table(f"Confusion of {name}", head, f"<tbody>{rows}</tbody>"))


def _matrix_row(truth: str, confusion: Confusion, number: int) -> str:
    cells = "".join(
        f'<td class="{"hit" if read == truth else "miss"}">{count}</td>' if count else "<td>0</td>"
        for read, count in zip(confusion.reads, confusion.counts[number].tolist(), strict=True)
    )
    return f'<tr><th scope="row">{_text(truth)}</th>{cells}</tr>'


def _pairs(scored: Scored) -> str:
    if not scored.pairs:
        return "<p>No mistake.</p>"
    rows = "".join(_line(pair.truth, (pair.read, str(pair.count))) for pair in scored.pairs[:LISTED_PAIRS])
    head = _row("th", ["is", "read as", "times"])
    table = _table(f"Most frequent mistakes of {scored.name}", head, f"<tbody>{rows}</tbody>")
    return _folded("Most frequent mistakes", table)


def _mistakes(scored: Scored) -> str:
    shown = scored.mistakes[:LISTED_MISTAKES]
    if not shown:
        return ""
    items = []
    for mistake in shown:
        words, sure = caption(mistake)
        mark = f'<span class="accepted">{_text(sure)}</span>' if mistake.accepted else _text(sure)
        picture = f'<img src="{_data_uri(thumbnail(mistake.cell))}" alt="A cell: {_text(words)}">'
        items.append(f"<li>{picture}{_text(words)}<br>{mark}</li>")
    title = f"{len(shown)} of {len(scored.mistakes)} mistakes, the surest first, with the probability they were given"
    return _folded(title, f'<ul class="mistakes">{"".join(items)}</ul>', opened=True)


def _letters(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.letters:
        return
    yield '<section aria-labelledby="letters"><h2 id="letters">Letters read as numbers</h2>'
    for kind, title in _LETTER_TITLES.items():
        mine = [one for one in evaluation.letters if one.kind == kind]
        rows = "".join(
            _line(one.letter, (str(one.cells), str(one.read), str(one.accepted), accepted_as(one))) for one in mine
        )
        head = _row("th", ["letter", "cells", "read as a number", "accepted", "accepted as"])
        yield _table(title, head, f"<tbody>{rows}</tbody>") if mine else ""
    yield "</section>"


def _table(caption_text: str, head: str, bodies: str) -> str:
    """A table that scrolls sideways by itself where the screen is narrow, also from the keyboard."""
    label = escape(plain_text(caption_text))
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{label}"><table><caption>{label}</caption>'
        f"<thead>{head}</thead>{bodies}</table></div>"
    )


def _row(tag: str, cells: Iterable[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return f"<tr>{''.join(f'<{tag}{scope}>{_text(cell)}</{tag}>' for cell in cells)}</tr>"


def _line(name: str, figures: Iterable[str]) -> str:
    cells = "".join(f"<td>{_text(figure)}</td>" for figure in figures)
    return f'<tr><th scope="row">{_text(name)}</th>{cells}</tr>'


def _folded(title: str, content: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{_text(title)}</summary>{content}</details>"


def _diagram(picture: Picture) -> str:
    return f'<img class="diagram" src="{_data_uri(picture.png)}" alt="{_text(picture.alt)}">'


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _text(text: str) -> str:
    """Text and attribute values: whatever a folder of a user is called."""
    return escape(plain_text(text))
