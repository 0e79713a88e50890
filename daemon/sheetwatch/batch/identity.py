"""What every page of a batch is read with: the same from the first page to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError
from sheetwatch.files import file_sha256
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import list_template_files, load_outline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sheetwatch.domain import Settings, Template


def forms_of(settings: Settings) -> dict[str, Template]:
    """The templates by their names, without their pictures. Raises ConfigError."""
    files = [file for folder in settings.templates for file in list_template_files(folder)]
    return {form.name: form for form in map(load_outline, files)}


def identity_of(settings: Settings, forms: Mapping[str, Template]) -> dict[str, str]:
    """What the readings depend on, in words for people. Raises ConfigError."""
    accept = settings.accept
    return {
        "the templates": ", ".join(f"{name} {form.revision}" for name, form in sorted(forms.items())),
        "the model": ", ".join(map(_model, _model_files(settings))),
        "the settings": f"max_field_error {accept.max_field_error:g}, examiner_slip {accept.examiner_slip:g}",
    }


def _model_files(settings: Settings) -> list[Path]:
    return [settings.model] if settings.model else sorted(shipped_folder("models").glob("*.tflite"))


def _model(file: Path) -> str:
    try:
        return f"{file.stem} {file_sha256(file)[:12]}"
    except OSError as error:
        raise ConfigError(f"{file}: the model cannot be read ({error.strerror}); correct `model`") from error
