"""`sheetwatch template`: draft, learn, import or show a template."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.domain import Field, Template


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser("template", help="draft, learn, import or show a template")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_drafting(actions)
    show = actions.add_parser("show", help="print a template's fields and checks")
    show.add_argument("template", metavar="NAME_OR_PATH", help="a template of the configuration, or a path")
    show.add_argument("--out", type=Path, metavar="PNG", help="also draw the reference with its boxes into this file")
    show.set_defaults(run=run_show)
    bring = actions.add_parser(
        "import",
        help="make a template from a list of boxes (roi_values.txt)",
        description="The list is Python text: [[(left, top), (right, bottom), 'text', 'label'], ...].",
    )
    bring.add_argument("boxes", type=Path, metavar="ROI_VALUES", help="the list of boxes")
    bring.add_argument("--reference", type=Path, required=True, metavar="IMAGE", help="the blank sheet they lie on")
    bring.add_argument("--name", required=True, help="the template's name: a-z, 0-9 and -")
    bring.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write; it must be new")
    bring.add_argument("--max", type=float, default=30, help="the largest mark of every field (default: %(default)g)")
    bring.set_defaults(run=run_import)


def _add_drafting(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    draft = actions.add_parser(
        "draft",
        help="propose a template from a blank form",
        description="Finds the printed boxes of a blank form and writes a folder with template.yaml, reference.png and "
        "proposal.png: look at the picture, then rename the fields and fill in what the comments ask for.",
    )
    draft.add_argument("blank", type=Path, metavar="BLANK", help="the blank form: a picture, or a page of a PDF")
    draft.add_argument("--page", type=int, default=1, metavar="N", help="which page of BLANK (default: the first)")
    learn = actions.add_parser(
        "learn",
        help="propose a template from ten or more filled sheets of one form",
        description="Lays the sheets onto one another: print is on all of them, handwriting differs. What they have in "
        "common becomes the blank, and the template is drafted from it.",
    )
    learn.add_argument("filled", type=Path, nargs="+", metavar="FILLED", help="filled sheets; every page of every file")
    for parser in (draft, learn):
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="the folder to write; new (default: the name)")
        parser.add_argument("--name", help="the template's name: a-z, 0-9 and - (default: the first file's)")
    draft.set_defaults(run=run_draft)
    learn.set_defaults(run=run_learn)


def run_draft(args: argparse.Namespace) -> int:
    """Write a template folder from a blank form."""
    from sheetwatch.cli.draft import draft  # noqa: PLC0415 - brings OpenCV

    draft(blank=args.blank, page=args.page, folder=args.out, name=args.name)
    return 0


def run_learn(args: argparse.Namespace) -> int:
    """Write a template folder from filled sheets."""
    from sheetwatch.cli.draft_learn import learn_and_draft  # noqa: PLC0415 - brings OpenCV

    learn_and_draft(files=args.filled, folder=args.out, name=args.name)
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print one template, and draw it where that is asked for."""
    from sheetwatch.cli.choose import choose_templates  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.settings import load_settings_or_default  # noqa: PLC0415
    from sheetwatch.templates import load_template  # noqa: PLC0415

    (path,) = choose_templates((args.template,), load_settings_or_default(args.config))
    template = load_template(path)
    _print_template(template)
    if args.out is not None:
        from sheetwatch.overlay import as_png, draw_template  # noqa: PLC0415 - brings OpenCV and Pillow

        args.out.write_bytes(as_png(draw_template(template)))
        print(f"drawn: {args.out}")
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Write a template folder from a list of boxes, and load it to prove it."""
    from sheetwatch.cli.import_boxes import import_boxes  # noqa: PLC0415 - brings OpenCV

    template, renamed = import_boxes(
        boxes=args.boxes, reference=args.reference, name=args.name, folder=args.out, largest=args.max
    )
    for box in renamed:
        print(f"renamed: {box.label!r} is now {box.name}", file=sys.stderr)
    print(f"{args.out}: template {template.name} with {len(template.fields)} fields; set max, checks and key by hand")
    return 0


def _print_template(template: Template) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    height, width = template.reference.shape
    console = Console(highlight=False)
    console.print(Text(f"{template.name}: {template.title}", style="bold"))
    console.print(f"reference {width} x {height} px, revision {template.revision}, key {template.key or 'none'}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("field", "kind", "range", "box", ""):
        table.add_column(heading, no_wrap=True)
    for field in template.fields:
        box = field.box
        place = f"{box.left}, {box.top}, {box.width} x {box.height}" if box else ""
        table.add_row(field.name, str(field.kind), _range(field), place, _extras(field))
    console.print(table)
    for check in template.checks:
        terms = [
            term if isinstance(term, str) else f"best {term.best} of ({', '.join(term.of)})" for term in check.terms
        ]
        rounding = "" if check.round == "none" else f", rounded {check.round}"
        console.print(Text(f"{check.total} = {' + '.join(terms)}{rounding}"))


def _range(field: Field) -> str:
    if field.kind == "digits":
        return f"{field.length} digits" if field.length else "any digits"
    upper = "any" if field.max is None else f"0 to {field.max:g}"
    return f"{upper} by {field.step:g}" if field.kind == "mark" else upper


def _extras(field: Field) -> str:
    roster = f"roster {field.roster.source}:{field.roster.column}" if field.roster else ""
    comb = f"comb {field.comb}" if field.comb else ""
    return ", ".join(part for part in ("required" if field.required else "", comb, roster) if part)
