"""A log in memory that is read as one on disk is."""


class FakeLog:
    """What a stream asks of an `EventLog`: rows, pieces, columns, length; pieces are of a few rows."""

    def __init__(self, events, piece=3):
        self.events, self.piece, self.columns = events.reset_index(drop=True), piece, events.columns

    def __len__(self):
        return len(self.events)

    def rows(self, start, stop):
        return self.events.iloc[start:stop].copy()

    def pieces(self, size):
        return (self.rows(start, start + self.piece) for start in range(0, len(self), self.piece))
