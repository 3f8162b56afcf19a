"""The places where a strategy may act, and no more."""


class Strategy:
    """What acts inside an update; each method does nothing unless a strategy needs it.

    Strategies are applied in the order of the list on the command line, but for what `in_order` says. State that must
    survive a kill is returned by `state` and taken back by `restore`.
    """

    needs: tuple[str, ...] = ()  # methods of the model, such as `task_losses`, which a plain TFRS model does not have
    starts_anew = False  # each update starts from the weights of before the first
    goes_on = False  # needs an update to start from the weights of the last one, and scores by others
    moves = False  # changes the step that the optimizer has made
    merges = False  # moves what an update has learned into weights that do not learn
    sets_weights = False  # puts other weights into the model when an update is over
    learns_ahead = False  # goes by the update's examples before the model has learned any of them
    twice = False  # takes several gradients of a batch
    of_rows = False  # weighs the loss of each row, or differentiates it
    of_steps = False  # keeps something of each step, so that learning cannot go back to an earlier one
    anchored = False  # holds weights to those after an earlier update, so the first update goes without it
    compares = False  # with what the model said before the update: the learner puts it beside each example
    steps_per_call = None  # 1: `augment` needs the result of the last step, so none is made ahead

    def build(self, model) -> None:
        """Eager, before each trace of the step: makes the variables that it keeps beside the model's."""

    def look(self, learner, update) -> None:
        """Eager, before any strategy's `prepare`: looks at what the model says before the update changes it."""

    def prepare(self, learner, update):
        """Eager, before the first step of an `Update`: the update to learn instead."""
        return update

    def augment(self, batch: dict) -> dict:
        """Eager, before the step: the batch to learn from instead, of the same shapes every time in a period."""
        return batch

    def penalty(self, model, batch: dict, outputs: dict | None):
        """In graph: a scalar that is added to the loss."""
        return 0.0

    def gradients(self, tape_fn, batch: dict):
        """In graph: `(losses, gradients)`; `tape_fn(batch)` gives both and may be called several times."""
        return tape_fn(batch)

    def after_step(self, model, before: list, slopes: list) -> None:
        """In graph, after the optimizer: the trainable variables' values of before, and what moved them."""

    def consolidate(self, learner, update) -> None:
        """Eager, after the last step of an `Update`, which is given as it was before any strategy's `prepare`."""

    def state(self) -> dict:
        """Arrays by name: what a checkpoint must keep of this strategy."""
        return {}

    def restore(self, state: dict) -> None:
        """Takes back what `state` returned."""
