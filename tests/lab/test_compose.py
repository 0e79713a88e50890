from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sheetwatch.domain import UsageError
from sheetwatch.lab.compose import Composer
from sheetwatch.lab.dataset import Sources, load_sources
from sheetwatch.lab.strokes import load_strokes
from sheetwatch.reader.vocabulary import SYMBOLS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def sources(shared_data: Path) -> Sources:
    return load_sources(shared_data / "train", held_out=True)


def test_the_same_seed_composes_the_same_cells(sources: Sources) -> None:
    composer = Composer(sources)
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(40):
        one, other = composer.compose(first), composer.compose(second)
        assert one.label == other.label
        assert np.array_equal(one.grey, other.grey)


def test_cells_are_dark_ink_on_light_paper_with_labels_of_the_vocabulary(sources: Sources) -> None:
    composer, rng = Composer(sources), np.random.default_rng(6)
    cells = [composer.compose(rng) for _ in range(300)]
    assert all(cell.grey.dtype == np.uint8 and cell.grey.ndim == 2 for cell in cells)
    assert all(set(cell.label) <= set(SYMBOLS) for cell in cells)
    inked = [cell.grey for cell in cells if cell.label]
    assert np.mean([np.median(grey) > grey.mean() for grey in inked]) > 0.7


def test_every_symbol_and_the_empty_cell_are_composed(sources: Sources) -> None:
    composer, rng = Composer(sources), np.random.default_rng(7)
    labels = [composer.compose(rng).label for _ in range(600)]
    assert set("".join(labels)) == set(SYMBOLS)
    assert "" in labels


def test_no_writer_is_on_both_sides(shared_data: Path) -> None:
    path = shared_data / "train" / "unipen_digits.npz"
    trained, held_out = load_strokes(path, held_out=False), load_strokes(path, held_out=True)
    assert not set(trained.writers) & set(held_out.writers)
    assert len(held_out.writers) > 15


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unipen_digits\.npz"):
        load_sources(tmp_path)
