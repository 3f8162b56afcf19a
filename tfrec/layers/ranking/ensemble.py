"""Several towers of ranking that learn side by side."""

import tensorflow as tf

from tfrec.errors import require


class Ensemble(tf.keras.layers.Layer):
    """Logits of each of several towers; `TwoStage` learns each by its own loss and orders by their mean.

    Towers that learned alone differ more than parts of one tower would, and their mean has less of each one's error
    (Lakshminarayanan et al., NeurIPS 2017).

    Args:
        towers: by name, layers of `tfrec.layers.ranking`. Equal ones need different seeds. None leaves one out.

    Raises:
        InputError: there are fewer than two.
    """

    def __init__(self, **towers) -> None:
        super().__init__(name="ensemble")
        towers = {name: tower for name, tower in towers.items() if tower is not None}
        require(
            len(towers) >= 2, f"model.tower has the towers {list(towers)}: write two or more, each with a _target_."
        )
        for name, tower in towers.items():
            require(hasattr(tower, "needs"), f"model.tower.{name} is '{tower}': write a tower, with its _target_.")
        self.towers = list(towers.values())
        self.needs = tuple(dict.fromkeys(need for tower in self.towers for need in tower.needs))

    def grow(self, users: int, items: int) -> bool:
        """Makes room in each; returns whether a variable is new or was replaced."""
        return any([tower.grow(users, items) for tower in self.towers])

    def call(self, features, training=False):
        """Logits `[n, L, towers]`."""
        return tf.stack([tower(features, training=training) for tower in self.towers], axis=2)
