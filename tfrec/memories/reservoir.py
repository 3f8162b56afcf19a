"""Rows of the past, kept to be learned again."""

from collections.abc import Callable

import numpy as np

from tfrec.data.examples import Update
from tfrec.data.truth import LeakError
from tfrec.errors import require
from tfrec.memories.before import BEFORE, before_of_rows, remembers

TEXT = 64  # bytes


class Reservoir:
    """A uniform sample of at most `size` rows of all that were learned (random sort, the same as Vitter, TOMS 1985).

    Every row gets a random number when it comes, and those of the smallest are kept. Other memories keep others: they
    say which in `keep`, by facts of each row, and may draw in another way. A row is kept as it was learned, with the
    history of its time; what later strategies add to a batch is no part of it.

    Args:
        size: rows. bytes: of all rows and their facts together, instead of a size; None takes the size. Of a text, of
            whatever length, TEXT bytes.
        seed: of the random numbers, with the number of rows seen.

    Attributes: `rows`, features `[size, ...]`, of which the first `len(self)` are kept; `facts` of these, `[len(self)]`
    each: `number` in the stream, `period`, `priority`; `seen`, rows offered so far.

    Raises:
        InputError: the size or the bytes are below 1 row.
    """

    needs: tuple[str, ...] = ()  # methods of the model
    of_rows = False  # looks at the loss of each row

    def __init__(self, size: int = 50_000, bytes: int | None = None, seed: int = 0) -> None:
        require(size >= 1, f"strategy's memory.size is {size}: choose 1 or more rows.")
        require(bytes is None or bytes >= 1, f"strategy's memory.bytes is {bytes}: choose 1 or more, or null.")
        self.size, self.bytes, self.seed, self.seen = size, bytes, seed, 0
        self.rows: dict[str, np.ndarray] = {}
        self.facts: dict[str, np.ndarray] = {}
        self._before: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.facts.get("number", ()))

    def offer(self, learner, update: Update, beside: Callable[[dict], dict] | None = None) -> None:
        """Offers every example that no earlier update has learned, once.

        Args:
            beside: from the features of rows that are taken, `[n, ...]`, to more that are kept with them.

        Raises:
            LeakError: an example is of a later period than the update.
        """
        self._before = {}  # which was of the rows and the weights before this update
        fresh = np.arange(update.fresh, len(update.examples))
        if not len(fresh):
            return
        offered = self.describe(learner, update, fresh)
        if offered["period"].max() > update.period:
            raise LeakError(f"a memory is offered a row of period {offered['period'].max()} after {update.period}")
        if not self.rows:
            self._start(self._rows_of(update, fresh[:1], beside), offered)  # which says how many rows there may be
        self.seen += len(fresh)
        facts = {key: np.concatenate([self.facts.get(key, v[:0]), v]) for key, v in offered.items()}
        kept, known = self.keep(facts, learner), len(self)
        free = np.append(np.flatnonzero(~kept[:known]), np.arange(known, self.size))
        taken = np.flatnonzero(kept[known:])
        place = free[: len(taken)]
        if len(taken):
            for key, values in self._rows_of(update, fresh[taken], beside).items():
                self.rows[key][place] = values
        for key, values in offered.items():
            room = np.concatenate([self.facts.get(key, values[:0]), values[: max(0, kept.sum() - known)]])
            room[place] = values[taken]
            self.facts[key] = room

    @staticmethod
    def _rows_of(update: Update, chosen: np.ndarray, beside: Callable | None) -> dict[str, np.ndarray]:
        rows = update.examples.rows(chosen, update.candidates)
        rows = {key: values for key, values in rows.items() if not key.startswith(BEFORE)}
        return rows if beside is None else rows | beside(rows)

    def describe(self, learner, update: Update, fresh: np.ndarray) -> dict[str, np.ndarray]:
        """Facts of the examples `fresh` of an update, `[len(fresh)]` each."""
        rng = np.random.default_rng([self.seed, 2, self.seen])
        number = self.seen + np.arange(len(fresh))
        return {"number": number, "period": update.periods[fresh], "priority": rng.random(len(fresh))}

    def keep(self, facts: dict[str, np.ndarray], learner) -> np.ndarray:
        """Which of the kept rows and those offered, in this order, to keep: bool `[rows]`, `min(size, rows)` times."""
        return lowest(facts["priority"], self.size)

    def refresh(self, learner, update: Update) -> None:
        """Before an update: what the weights of now say of the rows, where a strategy learns from that."""
        asked = len(self) and remembers(update)
        self._before = before_of_rows(learner.model, self.kept()) if asked else {}

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Places of `count` rows, `[count]`; rows may repeat."""
        return rng.integers(0, len(self), count)

    def chances(self) -> np.ndarray:
        """How often each row is drawn, `[len(self)]`, 1 in all."""
        return np.full(len(self), 1 / len(self))

    def take(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """Features of the rows at `places`, `[places, ...]`."""
        return {key: values[places] for key, values in (self.rows | self._before).items()}

    def kept(self) -> dict[str, np.ndarray]:
        """Features of all rows, `[len(self), ...]`."""
        return {key: values[: len(self)] for key, values in self.rows.items()}

    def state(self) -> dict[str, np.ndarray]:
        """Rows, facts and what was seen."""
        facts = {f"fact/{key}": values for key, values in self.facts.items()}
        rows = {key: values.astype(str) if values.dtype == object else values for key, values in self.kept().items()}
        return rows | facts | {"seen": np.array(self.seen), "size": np.array(self.size)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Takes the rows back."""
        self.seen, self.size = int(state["seen"]), int(state["size"])
        self.facts = {key.removeprefix("fact/"): v for key, v in state.items() if key.startswith("fact/")}
        rows = {key: v for key, v in state.items() if key not in ("seen", "size") and not key.startswith("fact/")}
        self._make_room(rows)
        for key, values in rows.items():
            self.rows[key][: len(values)] = values

    def _start(self, like: dict[str, np.ndarray], facts: dict[str, np.ndarray]) -> None:
        """Room for rows like these, with facts like these."""
        if self.bytes is not None and like:
            row = sum(_bytes(values[:1]) for values in (*like.values(), *facts.values()))
            require(
                row <= self.bytes,
                f"strategy's memory.bytes is {self.bytes}, but one row takes {row}: choose more.",
            )
            self.size = self.bytes // row
        self._make_room(like)

    def _make_room(self, like: dict[str, np.ndarray]) -> None:
        kinds = {key: object if v.dtype.kind in "SU" else v.dtype for key, v in like.items()}  # of texts of any length
        self.rows = {key: np.zeros((self.size, *v.shape[1:]), kinds[key]) for key, v in like.items()}


def _bytes(values: np.ndarray) -> int:
    return values.size * TEXT if values.dtype.kind in "OSU" else values.nbytes


def lowest(values: np.ndarray, number: int) -> np.ndarray:
    """Marks the `number` lowest of values `[n]`, bool; of equal ones those further left."""
    marked = np.zeros(len(values), bool)
    marked[np.argsort(values, kind="stable")[:number]] = True
    return marked


def appended(batch: dict[str, np.ndarray], rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch followed by rows of the past; what strategies added to the batch is 0 for them (`row_weight`: 1)."""
    size = len(next(iter(rows.values())))

    def more(key, values):
        if key in rows:
            return rows[key]
        return np.full((size, *values.shape[1:]), key == "row_weight", values.dtype)

    return {key: np.concatenate([values, more(key, values)]) for key, values in batch.items()}
