"""Sounds made longer or shorter at the same pitch, a rate a row."""

import torch


def stretch(waves, rate, n_samples, n_fft, highest=None):
    """Play each row faster or slower by a phase vocoder.

    Magnitudes are read between frames of the spectrum, and phases advance from frame to frame as they do in the
    original: D. Ellis, "A phase vocoder in Matlab", 2002, as `librosa.effects.time_stretch` has it. Since only
    differences of phases are needed, products of complex numbers of length one do without any angle.

    Parameters
    ----------
    waves : Tensor of shape (n_rows, n_before)
        Samples, float32 or float64.
    rate : Tensor of shape (n_rows,)
        Speed of each row, above 0; 2 is twice as fast.
    n_samples : int
        Length of the result: what does not fit is cut off, what is not there is silence.
    n_fft : int
        Samples of a window, a multiple of 4; windows overlap by three quarters.
    highest : Tensor of shape (n_rows,), default=None
        Highest frequency that is kept in each row, in cycles a sample; None keeps all.

    Returns
    -------
    Tensor of shape (n_rows, n_samples)
        The stretched sounds.
    """
    hop = n_fft // 4
    window = torch.hann_window(n_fft, device=waves.device, dtype=waves.dtype)
    padded = torch.nn.functional.pad(waves, (n_fft // 2, n_fft // 2))
    spectrum = torch.fft.rfft(padded.unfold(1, n_fft, hop) * window)
    stretched = _stretch_spectrum(spectrum, rate, 1 + n_samples // hop)
    if highest is not None:
        frequency = torch.arange(n_fft // 2 + 1, device=waves.device) / n_fft
        stretched *= (frequency <= highest[:, None])[:, None]
    frames = torch.fft.irfft(stretched, n=n_fft).mul_(window)
    summed = _overlap_add(frames, hop) / _overlap_add(window.square().expand(1, *frames.shape[1:]), hop).clamp_min(1e-8)
    return summed[:, n_fft // 2 : n_fft // 2 + n_samples]


def _stretch_spectrum(spectrum, rate, n_frames):
    n_rows, n_before, n_bins = spectrum.shape
    # Beyond the end there is silence: two frames of it, as two neighbours are read.
    spectrum = torch.nn.functional.pad(torch.view_as_real(spectrum), (0, 0, 0, 0, 0, 2))
    magnitude = spectrum.square().sum(-1).sqrt_()
    direction = torch.view_as_complex(spectrum).sgn()
    direction.real.add_(magnitude == 0)
    positions = torch.arange(n_frames, device=rate.device) * rate.double()[:, None]
    before = positions.floor()
    share = (positions - before).to(magnitude.dtype)[:, :, None]
    rows = torch.arange(n_rows, device=rate.device)[:, None] * (n_before + 2)
    left = (before.long().clamp_(max=n_before) + rows).reshape(-1)

    def take(frames, places):
        return frames.reshape(-1, n_bins).index_select(0, places).reshape(n_rows, n_frames, n_bins)

    magnitude = torch.lerp(take(magnitude, left), take(magnitude, left + 1), share)
    here = take(direction, left)
    phase = take(direction, left + 1).mul_(here.conj()).roll(1, 1)  # how far each frame is from the one before
    phase[:, 0] = here[:, 0]
    for k in range(1, n_frames):  # cumprod takes seven times as long
        phase[:, k] *= phase[:, k - 1]
    return phase.mul_(magnitude)


def _overlap_add(frames, hop):
    """Add frames of four hops, each one hop later than the one before."""
    n_rows, n_frames, _ = frames.shape
    total = frames.new_zeros(n_rows, n_frames + 3, hop)
    for k, part in enumerate(frames.split(hop, 2)):
        total[:, k : k + n_frames] += part
    return total.reshape(n_rows, -1)
