"""Failed runs, told and counted where the user started them, in whichever process or machine they ran."""

import sys

_told: dict[str, str] | None = None  # sentences by run; only in the process that the user started


def listen() -> dict[str, str]:
    """Makes this process the one that tells of failed runs; what is returned goes on to hold them by name."""
    global _told
    _told = {}
    return _told


def started_here() -> bool:
    """Whether the user started this process; otherwise a launcher did, to run jobs in it."""
    return _told is not None


class Failed:
    """What the job of a failed run returns, in place of a metric. It is no number, so no search takes it for a value.

    Hydra returns nothing to who calls it, and a launcher's processes share no memory with it; but every launcher brings
    back what a job returns. So a failure is told when it is made in the user's process, or arrives there pickled.

    Args:
        run: the name of the run's folder. sentence: what went wrong.
    """

    def __init__(self, run: str, sentence: str) -> None:
        self.run, self.sentence = run, sentence
        if _told is not None and run not in _told:
            _told[run] = sentence
            print(f"error: {sentence}", file=sys.stderr, flush=True)

    def __reduce__(self):
        return Failed, (self.run, self.sentence)  # so that unpickling is making, and tells

    def __repr__(self) -> str:
        return f"nothing, because {self.run} failed"
