"""How much an update may cost."""

import time
from collections.abc import Iterable, Iterator

from tfrec.errors import require


class Budget:
    """What ends an update instead of its epochs: as many passes over its examples as this allows.

    With one of them, methods that are compared have equal budgets whatever they add to a batch: a replayed row is an
    example too. Only steps that fit are made, so that a budget is never passed. Seconds count from before what
    strategies prepare to the last step, which may end later; what they do after it (EWC's Fisher pass, a memory's
    choice) is not in them. They are no function of the seed: such a run does not repeat bit for bit.

    Args:
        steps, examples, seconds: of an update; at most one of them, the others None. Without one, there is no budget.

    Raises:
        InputError: there is more than one, or one that allows no step.
    """

    def __init__(self, steps: int | None = None, examples: int | None = None, seconds: float | None = None) -> None:
        given = {"steps": steps, "examples": examples, "seconds": seconds}
        given = {name: value for name, value in given.items() if value is not None}
        require(len(given) <= 1, f"loop.budget has {given}: choose one of steps, examples and seconds.")
        self.kind, self.most = next(iter(given.items()), (None, 0))
        require(
            self.kind is None or self.most > 0,
            f"loop.budget.{self.kind} is {self.most}, which allows no step: choose above 0, or null.",
        )

    def start(self) -> "Spent | None":
        """The budget of an update that has spent nothing; None: there is no budget."""
        return Spent(self.kind, self.most) if self.kind else None


class Spent:
    """What one update has spent of its budget.

    Attributes: `over`, whether no further step fits.
    """

    def __init__(self, kind: str, most: float) -> None:
        self.kind, self.most, self.over = kind, most, False
        self.steps = self.examples = 0
        self._started, self._begun = time.perf_counter(), False

    def add(self, steps: int, examples: int) -> None:
        """Counts steps that were made before those of the update's own passes, of a strategy's networks."""
        self.steps, self.examples = self.steps + steps, self.examples + examples

    def within(self, steps: Iterable[tuple]) -> Iterator[tuple]:
        """The steps, of one or more batches each, that the budget still allows.

        Raises:
            InputError: it does not allow the first.
        """
        for parts in steps:
            rows = sum(len(next(iter(batch.values()))) for batch in parts)
            after = {"steps": self.steps + 1, "examples": self.examples + rows}
            after["seconds"] = time.perf_counter() - self._started
            self.over = after[self.kind] > self.most
            if self.over:
                require(
                    self._begun,
                    f"loop.budget.{self.kind} is {self.most}, which allows no step: the first would make it "
                    f"{after[self.kind]:.4g}. Choose more, a smaller loop.batch_size, or fewer steps of the strategy's "
                    "networks (strategy.sml.steps, strategy.asmg.steps).",
                )
                return
            self.steps, self.examples, self._begun = after["steps"], after["examples"], True
            yield parts
