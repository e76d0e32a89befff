"""Names of what raw cells hold, by which decoded cells are found again."""

import os
from functools import cache
from hashlib import blake2b
from pathlib import Path


def cell_keys(cells):
    """Name the content of raw cells.

    Parameters
    ----------
    cells : list of object
        Raw cells.

    Returns
    -------
    list of str or None
        Digests of a file's path, with all links followed, its size and its times of change, or of encoded bytes. None
        for a file that cannot be reached, and for arrays and pictures, which are in memory already.

    Notes
    -----
    A file that takes the place and the name of another may bring along that one's size and time of modification; the
    time at which its entry in the file system changed is its own.

    Examples
    --------
    >>> from mmsk.cache import cell_keys
    >>> one, same, absent = cell_keys([b"encoded", b"encoded", "nowhere.wav"])
    >>> one == same, absent
    (True, None)
    """
    # A folder of many files is looked up once a call; from one call to the next links may lead elsewhere.
    real_folder = cache(os.path.realpath)
    return [_cell_key(cell, real_folder) for cell in cells]


def _cell_key(cell, real_folder):
    if isinstance(cell, bytes):
        return blake2b(cell, digest_size=16).hexdigest()
    if not isinstance(cell, (str, Path)):
        return None
    try:
        status = os.stat(cell)
    except (OSError, ValueError):
        return None
    folder, name = os.path.split(cell)
    path = os.path.join(real_folder(folder), name)
    if os.path.islink(path):
        path = os.path.realpath(path)
    marks = f"\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}".encode()
    return blake2b(os.fsencode(path) + marks, digest_size=16).hexdigest()
