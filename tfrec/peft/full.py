"""Learning everything."""

from tfrec.peft.peft import BESIDE, Peft, of_vectors, refuse_quantised, train_only


class Full(Peft):
    """Every weight that the vectors depend on learns."""

    def adapt(self, backbone):
        """See `Peft`.

        Raises:
            InputError: most of the weights are quantised, and cannot learn.
        """
        refuse_quantised(backbone._flatten_layers(), "no kernel that learns", BESIDE)
        train_only(backbone, of_vectors(backbone))
        return backbone
