"""Random rectangles: what a crop keeps, erasing fills and CutMix exchanges."""

import math

import torch

from mmsk.augmentation._draws import uniform


def draw_sizes(area, ratio, cells, generator):
    """Draw sides of rectangles that fit into a picture and have exactly the area drawn for them.

    Area and the logarithm of height over width are uniform, as Szegedy et al., "Going deeper with convolutions",
    CVPR 2015, and Zhong et al., "Random erasing data augmentation", AAAI 2020, draw them; a rectangle too long for
    the picture is brought to the nearest ratio that fits, where they draw again.

    Parameters
    ----------
    area : tuple of float
        Least and largest share of the picture.
    ratio : tuple of float
        Least and largest height over width.
    cells : Tensor of shape (n_rows, ..., height, width)
        The pictures.
    generator : torch.Generator
        Where the draws come from.

    Returns
    -------
    tuple of two Tensor of shape (n_rows,)
        Height and width in pixels, not rounded.
    """
    n_rows, (full_height, full_width) = len(cells), cells.shape[-2:]
    share = uniform(n_rows, *area, cells, generator)
    log_ratio = uniform(n_rows, math.log(ratio[0]), math.log(ratio[1]), cells, generator)
    shape = full_height / full_width
    drawn = log_ratio.exp().maximum(share * shape).minimum(shape / share.clamp_min(1e-12))
    pixels = share * full_height * full_width
    return (pixels * drawn).sqrt(), (pixels / drawn).sqrt()


def span_mask(length, start, width):
    """Mark a span of positions in every row.

    Parameters
    ----------
    length : int
        Number of positions.
    start, width : Tensor of shape (n_rows,), dtype int64
        Where the spans begin and how long they are.

    Returns
    -------
    Tensor of shape (n_rows, length), dtype bool
        True within the span.
    """
    position = torch.arange(length, device=start.device)
    return (position >= start[:, None]) & (position < (start + width)[:, None])


def place_span(length, width, place):
    """Place spans within their length.

    Parameters
    ----------
    length : int
        Number of positions.
    width : Tensor of shape (n_rows,)
        How long the spans are; they are rounded.
    place : Tensor of shape (n_rows,)
        Where in the room that is left they begin, from 0 to 1.

    Returns
    -------
    tuple of two Tensor of shape (n_rows,), dtype int64
        Where they begin and how long they are.
    """
    width = width.round().clamp(0, length)
    start = ((length - width + 1) * place).floor().minimum(length - width)
    return start.long(), width.long()


def box_mask(height, width, cells, place):
    """Mark a rectangle in every picture.

    Parameters
    ----------
    height, width : Tensor of shape (n_rows,)
        Sides in pixels.
    cells : Tensor of shape (n_rows, ..., full_height, full_width)
        The pictures.
    place : Tensor of shape (n_rows, 2)
        Where in the room that is left they lie, from 0 to 1, from the top and from the left.

    Returns
    -------
    Tensor of shape (n_rows, full_height, full_width), dtype bool
        True within the rectangle.
    """
    rows, columns = (
        span_mask(length, *place_span(length, side, place[:, i]))
        for i, (length, side) in enumerate(zip(cells.shape[-2:], (height, width), strict=True))
    )
    return rows[:, :, None] & columns[:, None, :]
