"""An encoder that stays as it is."""

from tfrec.peft.peft import Peft, train_only


class Frozen(Peft):
    """No weight learns, so that each text is encoded once and for all."""

    def adapt(self, backbone):
        """See `Peft`."""
        train_only(backbone, [])
        return backbone
