"""Steps that are large again when an update begins."""

from tfrec.errors import require
from tfrec.slots import decay_slots, remembers
from tfrec.strategies.strategy import Strategy


class SlotDecay(Strategy):
    """Before each update, each slot s of the optimizer, which starts at `s_0`, becomes `s_0 + keep * (s - s_0)`.

    Adagrad's sums of squares only grow, and with them its steps get smaller over a stream that never ends; after many
    updates with g squares each, the sum is `g / (1 - keep)` instead of g times their number. It is a re-warming of the
    learning rate (Ibrahim et al., TMLR 2024) by weight and row. The number of steps stays.

    Args:
        keep: from 0 (slots start anew) to 1 (nothing is done).

    Raises:
        InputError: `keep` is out of range; later, if the optimizer remembers nothing (SGD without momentum).
    """

    def __init__(self, keep: float = 0.5) -> None:
        require(0 <= keep <= 1, f"strategy.slot_decay.keep is {keep}: choose from 0 to 1.")
        self.keep = keep

    def prepare(self, learner, update):
        """Decays the slots."""
        require(
            remembers(learner.optimizer),
            "strategy=slot_decay lets what an optimizer remembers of past steps fade, and this one remembers nothing: "
            "leave the strategy out, or choose optimizer=adagrad, adam or adamw.",
        )
        decay_slots(learner.optimizer, learner.model.trainable_variables, self.keep)
        return update
