"""Recipes: the shipped ones load, and mistakes are named with their mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from sheetwatch.domain import ConfigError
from sheetwatch.lab.recipe import load_recipe

MODELS = Path(__file__).parents[2] / "models"


def test_the_shipped_recipes_load() -> None:
    recipes = {path.stem: load_recipe(path) for path in sorted(MODELS.glob("*.yaml"))}
    assert recipes
    assert all(recipe.name == name for name, recipe in recipes.items())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("cells: 0", "cells: must be at least 1"),
        ("cells: 10\nviews: 0", "views: must be at least 1"),
        ("cells: 10\nfixed_from: 1.5", "fixed_from: is a share of the cells"),
        ("cells: 10\nratte: 0.1", "ratte"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(f"name: mine\n{line}\n")
    with pytest.raises(ConfigError, match=said):
        load_recipe(path)
