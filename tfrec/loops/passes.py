"""How the examples of an update are gone through."""

from dataclasses import dataclass

from tfrec.errors import require, require_whole
from tfrec.loops.budget import Budget


@dataclass(frozen=True)
class Passes:
    """The order of examples, the batches of a step, and what ends the passes.

    Args:
        order: of the examples of each pass: `random`, or `time`, as they came.
        accumulation: batches whose gradients one step averages: a batch so many times as large in the memory of one,
            but each example among the candidates of its own batch.
        budget: what an update may cost, instead of its epochs; see `Budget`.

    Raises:
        InputError: an unknown order, or no batch.
    """

    order: str = "random"
    accumulation: int = 1
    budget: Budget | None = None

    def __post_init__(self) -> None:
        require(self.order in ("random", "time"), f"loop.order is '{self.order}': choose random or time.")
        require_whole("loop.accumulation", self.accumulation, 1)

    @property
    def budgeted(self) -> bool:
        """Whether there is a budget, and it is of something."""
        return self.budget is not None and self.budget.kind is not None
