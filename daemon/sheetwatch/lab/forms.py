"""Draws the project's own templates: python -m sheetwatch.lab.forms config/templates."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from sheetwatch.domain import BestOf, Box, Field, SumCheck, Template
from sheetwatch.lab.form_answer_book import answer_book
from sheetwatch.lab.form_canvas import FORM_DPI
from sheetwatch.lab.form_meter_reading import meter_reading


def draw_forms(folder: Path) -> list[Path]:
    """Write <folder>/<name>/{template.yaml, reference.png} for each form. Returns the template folders."""
    return [write_template(template, folder / template.name) for template in (answer_book(), meter_reading())]


def write_template(template: Template, folder: Path) -> Path:
    """Write one template so that a person can read and edit it. The same template gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(template_yaml(template), "utf-8")
    picture = Image.fromarray(template.reference)
    picture.save(folder / "reference.png", dpi=(FORM_DPI, FORM_DPI), optimize=True)
    return folder


def template_yaml(template: Template) -> str:
    """The text of template.yaml, in the format that DESIGN.md fixes."""
    lines = ["version: 1", f"name: {template.name}", f"title: {template.title}", "reference: reference.png"]
    if template.key:
        lines.append(f"key: {template.key}")
    lines.append("fields:")
    lines += [f"  - {{{_field(field)}}}" for field in template.fields]
    if template.checks:
        lines.append("checks:")
    for check in template.checks:
        lines += [f"  - total: {check.total}", f"    sum: [{_terms(check)}]"]
        lines += [f"    round: {check.round}"] if check.round != "none" else []
    return "\n".join(lines) + "\n"


def _field(field: Field) -> str:
    box = field.box or Box(left=0, top=0, width=0, height=0)
    parts = [f"name: {field.name}", f"kind: {field.kind}"]
    if field.max is not None:
        parts.append(f"max: {field.max:g}" if field.max < 100_000 else f"max: {int(field.max)}")
    parts += [f"{key}: {value}" for key in ("length", "comb") if (value := getattr(field, key)) is not None]
    parts += ["required: true"] if field.required else []
    parts.append(f"box: [{box.left}, {box.top}, {box.width}, {box.height}]")
    return ", ".join(parts)


def _terms(check: SumCheck) -> str:
    return ", ".join(
        f"{{best: {term.best}, of: [{', '.join(term.of)}]}}" if isinstance(term, BestOf) else term
        for term in check.terms
    )


def main() -> None:
    """Redraw the forms into the folder that the command line names."""
    parser = argparse.ArgumentParser(description="Draw the project's own templates.")
    parser.add_argument("folder", type=Path, help="where the template folders go, such as config/templates")
    draw_forms(parser.parse_args().folder)


if __name__ == "__main__":
    main()
