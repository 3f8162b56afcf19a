"""What backbones of keras-nlp return."""


def sequence(outputs):
    """`[batch, length, dim]` out of what a backbone returns: some name it among other outputs."""
    return outputs["sequence_output"] if isinstance(outputs, dict) else outputs
