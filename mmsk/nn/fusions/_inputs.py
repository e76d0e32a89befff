"""Early fusion: the standardised inputs of one row joined and given to one network."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from mmsk.nn._layers import Standardize, run_cells
from mmsk.nn.fusions._masks import blank, everywhere


class CharacterCounts(nn.Module):
    """Sentences as the share of each known character in them.

    Parameters
    ----------
    codes : ndarray of shape (n_codes,)
        Codes that are counted, ascending; the others count together.
    """

    def __init__(self, codes):
        super().__init__()
        self.register_buffer("codes", torch.as_tensor(codes, dtype=torch.int64))

    def forward(self, codes):
        """Count.

        Parameters
        ----------
        codes : Tensor of shape (n_cells, length)
            Integers; 0 is padding.

        Returns
        -------
        Tensor of shape (n_cells, n_codes + 1)
            Shares of the characters of each sentence, those that are not known first.
        """
        codes = codes.long().contiguous()
        place = torch.searchsorted(self.codes, codes).clamp_max(len(self.codes) - 1)
        slot = torch.where(self.codes[place] == codes, place + 1, 0)
        there = (codes != 0).float()
        counts = there.new_zeros(len(codes), len(self.codes) + 1).scatter_add_(1, slot, there)
        return counts / there.sum(1, keepdim=True).clamp_min(1.0)


class InputReader(nn.Module):
    """Cells as they are, but standardised: what stands in for an encoder where a fusion joins inputs.

    Parameters
    ----------
    kind : str
        What the cells are.
    shape : tuple of int
        Their shape.
    codes : ndarray of shape (n_codes,) or None
        Known codes of sentences.
    """

    def __init__(self, kind, shape, codes=None):
        super().__init__()
        self.kind = kind
        self.frontend = CharacterCounts(codes) if kind == "codes" else None
        self.output_shape = (len(codes) + 1,) if kind == "codes" else tuple(shape)
        self.output_dim = math.prod(self.output_shape)
        self.standardize = Standardize(1 if kind == "waveform" else self.output_shape[0])

    def forward(self, x):
        x = x if self.frontend is None else self.frontend(x)
        return self.standardize(x[:, None])[:, 0] if self.kind == "waveform" else self.standardize(x)


class JoinedInputs(nn.Module):
    """One network over the inputs of all modalities; absent ones count as average and are flagged.

    Parameters
    ----------
    encoder : nn.Module
        Reads vectors of all numbers, NaN where there are none; or the channels of all modalities and a flag of each,
        (n_channels + n_modalities, n_frames).
    n_frames : int or None
        Common length of the frame axis that inputs are brought to; None makes vectors of them.
    """

    def __init__(self, encoder, n_frames=None):
        super().__init__()
        self.encoder = encoder
        self.n_frames = n_frames
        self.output_dim = encoder.output_dim
        self.draws_globally = getattr(encoder, "draws_globally", False)

    def forward(self, inputs, presence):
        """Fuse.

        Parameters
        ----------
        inputs : list of Tensor of shape (n_rows, ...)
            Standardised cells of each modality.
        presence : Tensor of shape (n_rows, n_modalities), dtype bool, or None
            Which modalities a row has; None if all rows have all.

        Returns
        -------
        Tensor of shape (n_rows, output_dim)
            The fused embedding.
        """
        inputs = blank(inputs, presence)
        presence = everywhere(inputs) if presence is None else presence
        if self.n_frames is None:
            parts = [x.flatten(1) for x in inputs]
            # The encoder of tables flags what is NaN and takes it for the average.
            parts = [
                torch.where(there[:, None], x, torch.nan) for x, there in zip(parts, presence.unbind(1), strict=True)
            ]
            return run_cells(self.encoder, self.encoder, torch.cat(parts, 1))
        parts = [x if x.shape[2] == self.n_frames else F.interpolate(x, self.n_frames, mode="linear") for x in inputs]
        flags = presence.to(parts[0].dtype)[:, :, None].expand(-1, -1, self.n_frames)
        return run_cells(self.encoder, self.encoder, torch.cat([*parts, flags], 1))
