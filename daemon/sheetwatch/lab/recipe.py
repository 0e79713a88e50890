"""The recipe of a model: everything that decides what `sheetwatch train` makes, but for the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sheetwatch.strict import convert, load_yaml

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a model is trained; `models/` holds those of the shipped ones.

    `cells`: how many are made to be shown, each composed cell in `views` variations (about one in twenty is left out:
    no ink is found in it, or it would teach wrongly); `rate`: the highest learning rate;
    `precision` of the arithmetic while fitting (processors without bfloat16 are slow with it); `fixed_from`: the share
    of the cells after which batches are normalised by the running averages, as in reading, no longer by their own mean
    and variance (which differ between narrow pictures and wide ones; a batch holds one width); `held_out`: how many
    cells of hands that were not trained on are composed to calibrate with.
    """

    name: str
    cells: int
    views: int = 3
    rate: float = 2e-3
    precision: Literal["float32", "bfloat16"] = "float32"
    fixed_from: float = 0.5
    held_out: int = 60_000
    seed: int = 1
    version: Literal[1] = 1


def load_recipe(path: Path) -> Recipe:
    """Read a recipe. Raises ConfigError naming the file, the line, the reason and the mend."""
    document = load_yaml(path)
    recipe = convert(document, Recipe)
    for name in ("cells", "views", "held_out"):
        if getattr(recipe, name) < 1:
            document.fail((name,), "must be at least 1", "give a whole number above 0")
    if not 0 <= recipe.fixed_from <= 1:
        document.fail(("fixed_from",), "is a share of the cells", "give a number from 0 to 1")
    return recipe
