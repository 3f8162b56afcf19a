"""The ids of a user and of the candidates of a list as vectors."""

import tensorflow as tf

from tfrec.errors import require
from tfrec.layers.growing import GrowingTable


class Ids(tf.keras.layers.Layer):
    """A growing table of users and one of items.

    Args:
        dim: length of a vector.
        stddev: standard deviation of new rows.
        seed: of the rows.

    Raises:
        InputError: `dim` is below 1.
    """

    def __init__(self, dim: int, stddev: float = 0.05, seed: int = 0, name=None) -> None:
        super().__init__(name=name)
        require(dim >= 1, f"the vectors of a tower have length {dim}: choose 1 or more.")
        self.users = GrowingTable(dim, stddev=stddev, seed=seed, name="users")
        self.items = GrowingTable(dim, stddev=stddev, seed=seed + 1, name="items")

    def grow(self, users: int, items: int) -> bool:
        """Makes room for so many ids; returns whether a variable was replaced."""
        return any([self.users.grow(users), self.items.grow(items)])

    def call(self, features):
        """Vectors of the user, 0 if not known, and of the candidates, both `[n, L, dim]`."""
        items = self.items(features["item"])
        users = self.users(features["user"])
        users *= tf.cast(features["user_known"], users.dtype)[:, None]
        return tf.broadcast_to(users[:, None], tf.shape(items)), items
