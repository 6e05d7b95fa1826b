"""Arrays in files of MATLAB's, by scipy."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from datasets.actions.clips import BLANK, EMPTY, NOT_FINITE, UNDECODABLE
from datasets.inspection import Unusable

# scipy raises nearly any of these on a file that is cut off or of another kind
_DAMAGE = (
    *(OSError, ValueError, TypeError, KeyError, IndexError, EOFError, zlib.error, MatReadError),
    *(NotImplementedError, MemoryError, OverflowError),
)


def read_array(
    path: Path, field: str, shape: str, fits: Callable[[tuple[int, ...]], bool]
) -> np.ndarray:
    """An array of three axes that has a number other than zero, and none that is NaN or infinite.

    Args:
        path: of the file.
        field: the array's name in it.
        shape: what its axes must be, in words.
        fits: whether a shape of three axes is so.

    Raises:
        Unusable: the file is empty, cannot be read, has no such array or another one.
    """
    try:
        if not path.stat().st_size:
            raise Unusable(EMPTY)
        array = np.asarray(loadmat(path, variable_names=[field])[field])
    except Unusable:
        raise
    except _DAMAGE as error:
        raise Unusable(UNDECODABLE, f"{path.name}: {error}") from error
    if array.ndim != 3 or array.dtype.kind not in "fiu" or not fits(array.shape):
        raise Unusable(UNDECODABLE, f"{path.name}: {field} must be {shape}, is {array.shape}")
    if not np.isfinite(array).all():
        raise Unusable(NOT_FINITE)
    if not array.any():
        raise Unusable(BLANK)
    return array
