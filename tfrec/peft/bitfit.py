"""Learning the biases."""

from tfrec.peft.peft import Peft, of_vectors, train_only


class Bitfit(Peft):
    """The biases of all layers learn, those of normalisations too (BitFit, Ben Zaken et al., ACL 2022)."""

    def adapt(self, backbone):
        """See `Peft`."""
        train_only(backbone, [v for v in of_vectors(backbone) if v.path.rpartition("/")[2] in ("bias", "beta")])
        return backbone
