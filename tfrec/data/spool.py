"""Arrays of each period on disk, so that memory does not grow with the stream."""

import tempfile
import weakref

import numpy as np


class Spool:
    """A list of dictionaries of arrays in one temporary file; what is read back is a copy.

    The file has no name in the file system and goes with the process.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="tfrec-")
        weakref.finalize(self, self._file.close)
        self._places: list[dict[str, tuple]] = []

    def __len__(self) -> int:
        return len(self._places)

    def append(self, arrays: dict[str, np.ndarray]) -> None:
        """Writes one more dictionary behind the others."""
        self._file.seek(0, 2)
        places = {}
        for key, values in arrays.items():
            if values.dtype == object:  # raw ids: Python's strings
                values = values.astype(str)
            places[key] = (self._file.tell(), values.dtype, values.shape)
            self._file.write(np.ascontiguousarray(values).data)
        self._places.append(places)

    def __getitem__(self, t: int) -> dict[str, np.ndarray]:
        """The dictionary number t."""
        return {key: self._read(*place) for key, place in self._places[t].items()}

    def _read(self, offset: int, dtype: np.dtype, shape: tuple) -> np.ndarray:
        values = np.empty(shape, dtype)
        self._file.seek(offset)
        if values.nbytes:
            self._file.readinto(values.reshape(-1).view(np.uint8).data)
        return values
