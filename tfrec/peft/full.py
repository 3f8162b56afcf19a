"""Learning everything."""

from tfrec.peft.peft import Peft, of_vectors, train_only


class Full(Peft):
    """Every weight that the vectors depend on learns."""

    def adapt(self, backbone):
        """See `Peft`."""
        train_only(backbone, of_vectors(backbone))
        return backbone
