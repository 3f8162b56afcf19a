"""The candidate tower of `TwoTower`: an item's id and content as one vector."""

import tensorflow as tf

from tfrec.layers.dropout import StatelessDropout
from tfrec.models.parts import require_content


class CandidateTower(tf.keras.layers.Layer):
    """`c = fusion(item_i, categories, V text_i, numbers)`.

    An item has no id part where it is dropped: in training whole items, at random, so that content alone learns to
    stand for an item as well. What is kept is not scaled: the id is a part that is there or not, and an item that
    is scored has it as it was learned. An item whose id row is still at zero (`model.new_items=zero`) is scored
    as a dropped one.

    Args:
        item_table: an `IdTable`, or None for a model without ids of items.
        categories: a `CategorySum`.
        text, text_map: vectors of text rows, and their map; None for a model without texts.
        numbers_map: of the number columns, or None.
        fusion: a layer of `tfrec.layers.fusion`.
        id_dropout: rate at which an item's id is dropped.
        seed: of what is dropped.
    """

    def __init__(
        self, item_table, categories, text, text_map, numbers_map, fusion, id_dropout: float = 0.0, seed: int = 0
    ) -> None:
        super().__init__(name="candidate")
        self.item_table, self.categories, self.fusion = item_table, categories, fusion
        self.text, self.text_map, self.numbers_map = text, text_map, numbers_map
        self.id_dropout = StatelessDropout(id_dropout, seed)

    def start(self, dim: int) -> bool:
        """Makes the fusion's variables once the categories are known; returns whether there are new ones.

        Raises:
            InputError: there is nothing beside the ids, and the fusion or the dropout asks for it.
        """
        if self.fusion.built:
            return False
        content = len(self.categories.tables) + (self.text is not None) + (self.numbers_map is not None)
        require_content(content, self.fusion, self.id_dropout.rate)
        self.fusion.build([(None, dim)] * (content + (self.item_table is not None)))
        return bool(self.fusion.weights)

    def call(self, features, training=False):
        """Candidate vectors `[n, dim]` of candidate features; `item_row` is the item's row, if it is not `item`."""
        parts, known = self.categories.parts(features), None
        if self.text is not None:
            parts.append(self.text_map(self.text.of(features, "text", training)))
        if self.numbers_map is not None:
            parts.append(self.numbers_map(features["numbers"]))
        if self.item_table is not None:
            own, known = self._own(features, training)
            parts = [own, *parts]
        return self.fusion(parts, features, known, training=training)

    def _own(self, features, training):
        """The ids' vectors `[n, dim]`, and whether an item has one, `[n]` (None: all have)."""
        own = self.item_table(features.get("item_row", features["item"]))
        if not training:
            return own, tf.reduce_any(own != 0, axis=1)
        if not self.id_dropout.rate:
            return own, None
        kept = self.id_dropout.kept(features["item"])
        return own * tf.cast(kept, own.dtype)[:, None], kept
