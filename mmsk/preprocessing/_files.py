"""What every loader asks of a file before a decoder may touch it."""

import os
import stat

from mmsk.exceptions import BadInputError


def check_file(path, *, expected):
    """Refuse what is not a regular file with content: a decoder may hang on a pipe and waits for a device.

    Parameters
    ----------
    path : str or Path
        The file.
    expected : str
        What the file should hold, for the error message, such as "an image".

    Returns
    -------
    int
        The size of the file in bytes.

    Raises
    ------
    BadInputError
        If there is no such file, or it is empty, or no regular file.

    Examples
    --------
    >>> from mmsk.preprocessing._files import check_file
    >>> check_file("nowhere.jpg", expected="an image")
    Traceback (most recent call last):
        ...
    mmsk.exceptions.BadInputError: no such file where an image was expected. Check the path; ...
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise BadInputError(
            f"no such file where {expected} was expected",
            fix="Check the path; a relative one starts in the working directory.",
        ) from None
    except (OSError, ValueError) as error:  # no permission, a name too long, a zero byte in the name
        raise BadInputError(f"the file cannot be reached: {error}", fix="Check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise BadInputError(f"a directory came where a file with {expected} was expected", fix="Give a file.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError(
            f"no regular file (a pipe, socket or device) came where {expected} was expected", fix="Give a file."
        )
    if status.st_size == 0:
        raise BadInputError(f"the file is empty where {expected} was expected", fix="Blank the cell or mend the file.")
    return status.st_size
