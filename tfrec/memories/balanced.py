"""As many rows of each group as there are, up to an equal share."""

import numpy as np

from tfrec.data.examples import Update
from tfrec.errors import require
from tfrec.memories.groups import ranks_within
from tfrec.memories.reservoir import Reservoir, lowest


class Balanced(Reservoir):
    """Groups of at most one size, each a uniform sample of its rows (greedy balancing of GDumb, ECCV 2020).

    The first random row of every group, then the second of every group, until `size` rows; see `Reservoir`.

    Args:
        by: a feature of candidates that tells the group: `item`, or `category/<column of the item table>`.

    Raises:
        InputError: before the first update, candidates have no such feature.
    """

    def __init__(self, by: str = "item", size: int = 50_000, bytes: int | None = None, seed: int = 0) -> None:
        super().__init__(size, bytes, seed)
        self.by = by

    def refresh(self, learner, update: Update) -> None:
        """See `Reservoir`; asks for the groups before anything is learned, not after."""
        self._groups(update)
        super().refresh(learner, update)

    def describe(self, learner, update: Update, fresh: np.ndarray) -> dict[str, np.ndarray]:
        """See `Reservoir`; with the `group`."""
        group = self._groups(update)[update.examples.item[fresh]]
        return super().describe(learner, update, fresh) | {"group": group}

    def _groups(self, update: Update) -> np.ndarray:
        groups = sorted(name for name in update.candidates if name == "item" or name.startswith("category/"))
        names = ", ".join(groups)
        require(
            self.by in groups,
            f"The memory's by is '{self.by}', which is no group of candidates: choose one of {names}.",
        )
        return update.candidates[self.by]

    def keep(self, facts: dict[str, np.ndarray], learner) -> np.ndarray:
        """The lowest ranks within groups; see `Reservoir`."""
        order = np.lexsort((facts["priority"], ranks_within(facts["group"], facts["priority"])))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        return lowest(place, self.size)
