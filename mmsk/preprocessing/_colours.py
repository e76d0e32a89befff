"""Colours of pictures that are made of numbers."""

from functools import lru_cache
from numbers import Integral

import numpy as np

from mmsk.exceptions import BadInputError

# Every eighth of the 256 colours of matplotlib's maps of the same names, by S. van der Walt, N. Smith and E. Firing
# (bids.github.io/colormap, in the public domain): red, green and blue, two hexadecimal digits each. Between them
# colours are interpolated, which stays within two levels of the originals.
COLORMAPS = {
    "viridis": (
        "440154470d6048186a482374472d7b4536814240863f49893b528b375a8d33638d2f6a8e2c728e297a8e26818e23898e21908c"
        "1f988b1f9f8821a68528ae8031b57b3ebc744cc26c5dc9636ece5882d34c96d83fabdc32c0df24d5e21aeae51afde725"
    ),
    "magma": (
        "0000040303110a0822130d331d114628115a36106a430f7650127c5d177f691c817621818226818f2a819c2e7fa9327db63779"
        "c33b75cf4170db486ae65163ee5c5ef5695cf9785dfb8761fd9668fea571feb47bfec387fed194fde0a2fceeb0fcfdbf"
    ),
    "grey": "000000ffffff",
}


@lru_cache(maxsize=len(COLORMAPS))
def color_table(name):
    """Give the colours of a map.

    Parameters
    ----------
    name : str
        One of `COLORMAPS`.

    Returns
    -------
    ndarray of shape (3, 256), dtype uint8
        Red, green and blue from the lowest to the highest level.

    Examples
    --------
    >>> from mmsk.preprocessing._colours import color_table
    >>> color_table("viridis")[:, [0, 255]].T.tolist()
    [[68, 1, 84], [253, 231, 37]]
    """
    knots = np.frombuffer(bytes.fromhex(COLORMAPS[name]), dtype=np.uint8).reshape(-1, 3)
    places, levels = np.linspace(0, 255, len(knots)), np.arange(256)
    return np.stack([np.interp(levels, places, knot) for knot in knots.T]).round().astype(np.uint8)


def check_color(color, name, step):
    """Check the red, green and blue of a parameter.

    Parameters
    ----------
    color : sequence of int
        What the user gave.
    name, step : str
        The parameter, and whose it is.

    Returns
    -------
    ndarray of shape (3, 1, 1), dtype uint8
        The colour.
    """
    if len(color) != 3 or not all(isinstance(part, Integral) and 0 <= part <= 255 for part in color):
        raise BadInputError(
            f"{name} must be red, green and blue", step=step, value=color, fix="Give three integers from 0 to 255."
        )
    return np.array(color, dtype=np.uint8)[:, None, None]


def check_size(size, step):
    """Check the height and width of a parameter `size`.

    Parameters
    ----------
    size : sequence of int
        What the user gave.
    step : str
        Whose it is.

    Returns
    -------
    tuple of int
        Height and width.
    """
    if len(size) != 2 or not all(isinstance(side, Integral) and side > 0 for side in size):
        raise BadInputError(
            "size must be two positive integers", step=step, value=size, fix="Give (height, width), such as (128, 128)."
        )
    return tuple(size)
