"""Targets by a column of the item table."""

import re

import numpy as np

from tfrec.data.catalogue import categories
from tfrec.data.truth import Truth
from tfrec.errors import require


class Category:
    """`<column>_<value>` for the values that were bought most before the period: targets by category.

    Values that differ in case or punctuation alone are one slice. Which values were bought most is found anew for each
    period, so a slice's mean may be over some of them only. Items that are not in the catalogue yet are in none.

    Args:
        column: of the item table, with texts. top: number of values.

    Raises:
        InputError: the item table has no such column.
    """

    def __init__(self, column: str, top: int = 10) -> None:
        require(top >= 1, f"slice.category.top is {top}: choose 1 or more.")
        self.column, self.top = column, top

    def __call__(self, truth: Truth) -> dict[str, np.ndarray]:
        """Whether each target is in the slice, bool `[targets]` by name."""
        texts = categories(truth.items)
        require(
            self.column in texts,
            f"slice.category.column is '{self.column}', no category of the item table (it has {', '.join(texts)}).",
        )
        values = truth.items[self.column].loc[truth.ids]
        often = values.groupby(values.to_numpy()).size().index  # in alphabetical order, which breaks ties
        bought = np.bincount(often.get_indexer(values), truth.popularity, len(often))
        item = truth.flat_targets()[1]
        of_target = np.where(item >= 0, values.to_numpy()[item], None)
        chosen = often[np.argsort(-bought, kind="stable")[: self.top]]
        masks: dict[str, np.ndarray] = {}
        for value in chosen:  # values that differ in case and punctuation alone are one slice
            name = f"{self.column}_{_tag(value)}"
            masks[name] = masks.get(name, False) | (of_target == value)
        return masks


def _tag(value: str) -> str:
    """The value in letters, digits and `_`, as part of a tag."""
    return re.sub(r"\W+", "_", value.lower()).strip("_") or "none"
