"""The one error type that the command line prints as a sentence instead of a traceback."""


class InputError(ValueError):
    """Something the user can mend: its message says what was wrong, where, and what to do."""


def require(holds: bool, sentence: str) -> None:
    """Raises InputError with this sentence unless `holds`."""
    if not holds:
        raise InputError(sentence)


def require_whole(key: str, value: int, least: int) -> None:
    """Raises InputError unless `value`, of the option `key`, is a whole number, at least `least`."""
    require(isinstance(value, int) and value >= least, f"{key} is {value}: choose a whole number, {least} or more.")
