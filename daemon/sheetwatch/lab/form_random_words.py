"""Words for random forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WORDS = (
    "roll", "marks", "question", "total", "grade", "hall", "pages", "course", "section", "date", "name", "semester",
    "examiner", "candidate", "register", "answer", "paper", "number", "part", "obtained", "maximum", "sheet", "code",
    "branch", "invigilator", "signature", "score", "points", "class", "subject",
)  # fmt: skip


def heading(rng: np.random.Generator) -> str:
    """Two or three words in capitals."""
    return " ".join(str(word) for word in rng.choice(WORDS, int(rng.integers(2, 4)))).upper()


def sentence(rng: np.random.Generator, words: int) -> str:
    """A row of words that ends with a full stop."""
    return " ".join(str(word) for word in rng.choice(WORDS, words)).capitalize() + "."
