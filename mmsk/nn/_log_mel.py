"""Log-mel spectrograms and MFCC as layers, so that a device computes them from whole batches of (augmented) sound."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class LogMel(nn.Module):
    """Waveforms to log-mel spectrograms, or to MFCC, by the definition of `mmsk.MelSpectrogram` and `mmsk.MFCC`.

    The sums are formed in float32: values differ from those of the transformers by less than 0.01 dB, save where a
    bin is near silence.

    Parameters
    ----------
    filters : ndarray of shape (n_mels, 1 + n_fft // 2)
        Mel filters.
    n_fft, hop_length : int
        Samples of a frame, and from one frame to the next.
    top_db : float or None
        Values further than this below the greatest one of a cell are raised to that level.
    n_mfcc : int, default=None
        Coefficients of the discrete cosine transform of the decibels; None gives the decibels.
    """

    def __init__(self, filters, n_fft, hop_length, top_db, n_mfcc=None):
        super().__init__()
        self.n_fft = n_fft
        self.hop_length = hop_length
        self.top_db = top_db
        # They follow from the parameters and so are no weights, but move to the device with the network.
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("filters", torch.as_tensor(filters, dtype=torch.float32), persistent=False)
        self.register_buffer("cosines", None if n_mfcc is None else _dct(n_mfcc, len(filters)), persistent=False)

    @torch.no_grad()
    def forward(self, samples):
        if samples.dtype == torch.int16:
            samples = samples.float() / 32768.0
        # In float32 also where the rest of the network multiplies in fewer bits: the bins span eight decades of power.
        with torch.autocast(samples.device.type, enabled=False):
            padded = F.pad(samples.float(), (self.n_fft // 2, self.n_fft // 2))
            padded = F.pad(padded, (0, max(0, self.n_fft - padded.shape[-1])))
            spectrum = torch.stft(
                padded, self.n_fft, self.hop_length, window=self.window.float(), center=False, return_complex=True
            )
            power = self.filters.float() @ (spectrum.real.square() + spectrum.imag.square())
            decibels = 10.0 * torch.log10(power.clamp_min(1e-10))
            if self.top_db is not None:
                decibels = torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - self.top_db)
            return decibels if self.cosines is None else self.cosines.float() @ decibels


def _dct(n_out, n_in):
    """Build the orthonormal discrete cosine transform of type II."""
    angle = math.pi / n_in * torch.outer(torch.arange(n_out), torch.arange(n_in) + 0.5)
    rows = angle.double().cos() * math.sqrt(2.0 / n_in)
    rows[0] /= math.sqrt(2.0)
    return rows.float()
