"""Category columns of a request or an item as one vector."""

import tensorflow as tf

from tfrec.layers.growing import GrowingTable


class CategorySum(tf.keras.layers.Layer):
    """`sum over columns c of table_c[row of the value]`; each column has a table that starts at zero and grows.

    Args:
        dim: length of the vector.
        prefix: of the columns' names among the features.
    """

    def __init__(self, dim: int, prefix: str = "", name=None) -> None:
        super().__init__(name=name)
        self.dim, self.prefix = dim, prefix
        self.tables: dict[str, GrowingTable] = {}

    def grow(self, vocabularies: dict) -> bool:
        """Makes room for the values known in each column; returns whether a variable is new or was replaced."""
        replaced = False
        for column, vocabulary in vocabularies.items():
            feature = self.prefix + column
            if feature not in self.tables:
                self.tables[feature] = GrowingTable(self.dim, stddev=0, name=feature.replace("/", "_"))
                replaced = True
            replaced |= self.tables[feature].grow(len(vocabulary))
        return replaced

    def call(self, vector, features):
        """The vector `[n, dim]` with the columns' vectors added; `features` has the rows of each column, `[n]`."""
        return sum(self.parts(features), vector)

    def parts(self, features) -> list:
        """The columns' vectors, `[n, dim]` each."""
        return [table(features[feature]) for feature, table in self.tables.items()]
