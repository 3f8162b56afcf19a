"""The rows that ids, texts and categories have in the tables of two towers, and how they come and go."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec.data.history import History
from tfrec.data.requests import Requests
from tfrec.layers.id_table import IdTable
from tfrec.layers.text_map import first_values

log = logging.getLogger(__name__)


class TowerRows:
    """What a model of two towers does on the host as the stream goes on; see `StreamModel` for what each method is."""

    def begin(self, items: pd.DataFrame) -> None:
        """Own items have a number for each category of the item table from the first period on."""
        if self.repeat is not None:
            self.repeat.lists.begin(items)

    def grow(self, history: History, items: pd.DataFrame, changed: Sequence = ()) -> bool:
        """Makes room for new users, items, texts and categories; gives rows to ids; see `StreamModel`."""
        new_texts = self.features.observe(history, items, changed)
        self.retrieval_loss.observe(history)
        periods = [history.pairs(t) for t in range(self.user_table.policy.period + 1, len(history))]
        tables = enumerate(self._id_tables.values())
        replaced = [table.observe([p[n] for p in periods], history.shape[n]) for n, table in tables]
        replaced += [self.categories.grow(self.features.categories), self.candidate.start(self.dim)]
        if self.repeat is not None:
            replaced.append(self.repeat.start())
        if self.text is not None:
            # All texts of the table at once, in few batches; a text's vector does not depend on the stream.
            replaced += [self.text.prepare(items["text"].tolist()), self.text.add(new_texts)]
        return any(replaced)

    def admit(self, requests: Requests) -> bool:
        """Makes room for the query texts and the context of requests; see `StreamModel`."""
        if requests.queries is not None and self.text is None and not self.features.searches:
            log.warning("the log has search queries, but without an encoder the model does not read them")
        new_texts = self.features.admit(requests)
        replaced = [self.context.grow(self.features.context_categories)]
        numbers = len(self.features.context) - len(self.context.tables)
        if numbers and self.context_map is None:
            self.context_map = self._dense(numbers, "zeros", "context_numbers")
            replaced.append(True)
        if self.text is not None and self.features.searches:
            if self.query_map is None:
                start = tf.keras.initializers.Constant(self.text_map.kernel.numpy())
                self.query_map = self._dense(self.text_map.kernel.shape[0], start, "query_map")
                replaced.append(True)
            replaced.append(self.text.add(new_texts))
        return any(replaced)

    def start_rows(self, history: History, since: int) -> None:
        """Sets the rows that ids got after period `since`: users at zero, items as `new_items` says."""
        self.user_table.start(since, first_values("zero"))
        if self.item_table is not None:
            self.item_table.start(since, first_values(self.new_items, lambda ids: self._text_vectors(history, ids)))

    def rows_since(self, period: int) -> list[tuple]:
        """The tables of ids, each with the rows that ids got after `period`: `(variable, rows [n])`."""
        tables = self._id_tables.values()
        return [(table.table, table.rows_of(table.policy.admitted_after(period))) for table in tables]

    def _text_vectors(self, history: History, ids: np.ndarray) -> np.ndarray:
        return self.text.vectors_of(self.features.candidates(history, ids)["text"])

    def reused_rows(self) -> list[tuple]:
        """Rows of expired ids that others got; see `StreamModel`."""
        return [(table.table, table.reused) for table in self._id_tables.values() if len(table.reused)]

    def counts(self) -> dict[str, int]:
        """How many ids are known, have a row, and got or lost one."""
        tables = self._id_tables
        return {f"{name}s/{what}": n for name, table in tables.items() for what, n in table.policy.counts().items()}

    @property
    def _id_tables(self) -> dict[str, IdTable]:
        return {"user": self.user_table} | ({} if self.item_table is None else {"item": self.item_table})

    def table_rows(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Adds the table rows of ids, `<feature>_row`, where an id's row is not its number; see `StreamModel`."""
        ids = self._id_tables
        ids |= {"history": ids["item"]} if "item" in ids else {}
        for name in ids.keys() & features.keys():
            if not ids[name].policy.identity:
                features = features | {f"{name}_row": ids[name].rows_of(features[name])}
        tables = self.categories.tables | self.context.tables
        if self.text is not None:
            tables |= dict.fromkeys(("text", "query_text", "history_text"), self.text.table)
        for name, table in (ids | tables).items():
            if name in features:
                table.check(name, row_of(features, name), lowest=-1 if name == "query_text" else 0)
        return features


def row_of(features, name: str):
    """The table row of an id: its number, unless the model has given it another one."""
    return features.get(f"{name}_row", features[name])
