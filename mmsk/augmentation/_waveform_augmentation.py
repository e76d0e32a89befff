"""Random changes to sounds given as samples."""

import math

import torch
from sklearn.utils._param_validation import Integral, Interval

from mmsk.augmentation._base import PAIR, SHARE, BaseAugmentation
from mmsk.augmentation._draws import per_row, to_dtype, to_float, uniform
from mmsk.augmentation._interpolation import cut, read_at, roll
from mmsk.augmentation._vocoder import stretch

# Spectra of about this many samples at a time stay in the cache of a CPU core.
_SAMPLES_AT_ONCE = 2**18


class WaveformAugmentation(BaseAugmentation):
    """Sounds with noise, shifted, louder, faster or higher, drawn anew for every row.

    Cells have shape (n_cells, n_samples) or (n_cells, channels, n_samples), float32 or int16. None turns a change
    off. Changes are made in the order of the parameters, and only `crop` changes the length of the cells.

    Parameters
    ----------
    crop : int, default=None
        Samples of a random piece that longer cells are cut to; shorter ones stay as they are. It needs a network that
        takes sounds of any length, as the default ones do.
    shift : float, default=0.1
        Largest shift as a share of the length, in both directions; what leaves at one end comes back at the other.
    time_stretch : tuple of float, default=None
        Slowest and fastest rate, such as (0.8, 1.25), at the same pitch. A faster sound ends in silence, of a slower
        one the end is cut off.
    pitch_shift : tuple of float, default=None
        Least and largest change of pitch in semitones, such as (-2, 2), at the same speed.
    gain : tuple of float, default=(-6.0, 6.0)
        Least and largest change of loudness in dB.
    noise_snr : tuple of float, default=(10.0, 40.0)
        Least and largest ratio of the row's power to that of the white Gaussian noise added to it, in dB. A silent row
        stays silent.
    probability : float, default=1.0
        Probability of each of the changes but `crop`, drawn for each row and change.
    n_fft : int, default=1024
        Samples of a window of `time_stretch` and `pitch_shift`, a multiple of 4: about 30 to 60 ms.

    See Also
    --------
    SpectrogramAugmentation : For cells that are spectrograms already.

    Notes
    -----
    Samples keep to the range of a recorder, -1 to 1 or that of the integer dtype, as far as they did before. Rates are
    drawn uniformly on a logarithmic scale. Both are one phase vocoder (see `librosa.effects.time_stretch`) with a rate
    a row; a change of pitch is a stretch read faster or slower through cubics, after what would fold over the highest
    frequency is taken out. They cost as much as computing two spectrograms, so that a lower `probability` saves time
    on a CPU.

    Examples
    --------
    >>> import torch
    >>> from mmsk.augmentation import WaveformAugmentation
    >>> tone = torch.sin(torch.arange(4000) * 0.3).repeat(2, 1) / 2
    >>> changed = WaveformAugmentation(pitch_shift=(-2, 2))(tone, torch.Generator().manual_seed(0))
    >>> changed.shape, bool(changed.abs().max() <= 1)
    (torch.Size([2, 4000]), True)
    """

    kinds = ("waveform", "series")
    _n_dims = (2, 3)
    _ranges = {
        "time_stretch": (0.1, 10.0),
        "pitch_shift": (-24.0, 24.0),
        "gain": (-120.0, 120.0),
        "noise_snr": (-120.0, 120.0),
    }
    _parameter_constraints: dict = {
        "crop": [Interval(Integral, 1, None, closed="left"), None],
        "shift": SHARE,
        "time_stretch": [*PAIR, None],
        "pitch_shift": [*PAIR, None],
        "gain": [*PAIR, None],
        "noise_snr": [*PAIR, None],
        "probability": SHARE,
        "n_fft": [Interval(Integral, 16, None, closed="left")],
    }

    def __init__(
        self,
        crop=None,
        shift=0.1,
        time_stretch=None,
        pitch_shift=None,
        gain=(-6.0, 6.0),
        noise_snr=(10.0, 40.0),
        *,
        probability=1.0,
        n_fft=1024,
    ):
        self.crop = crop
        self.shift = shift
        self.time_stretch = time_stretch
        self.pitch_shift = pitch_shift
        self.gain = gain
        self.noise_snr = noise_snr
        self.probability = probability
        self.n_fft = n_fft

    def _change(self, cells, generator):
        shape = cells.shape[:-1]
        rows = cells.reshape(len(cells), -1, cells.shape[-1])
        n_samples = rows.shape[-1]
        if self.crop is not None and n_samples > self.crop:
            start = uniform(len(rows), 0, n_samples - self.crop + 1, rows, generator).long()
            rows = cut(rows, start.clamp_(max=n_samples - self.crop), self.crop)
        if self.shift:
            rows = roll(rows, (self._draw((-self.shift, self.shift), rows, generator) * n_samples).round().long())
        if self.time_stretch or self.pitch_shift or self.gain or self.noise_snr:
            rows = self._sound(rows, generator)
        return rows.reshape(*shape, -1)

    def _draw(self, pair, rows, generator):
        """Draw from a range, or 0 in rows that are not to be changed."""
        chosen = uniform(len(rows), 0, 1, rows, generator) < self.probability
        return uniform(len(rows), *(pair or (0.0, 0.0)), rows, generator) * chosen

    def _sound(self, rows, generator):
        # Fresh memory costs more than arithmetic in it: gain and noise come in one tensor, which is cut in place.
        cells = samples = to_float(rows)
        if self.time_stretch or self.pitch_shift:
            logs = tuple(math.log(rate) for rate in self.time_stretch or (1.0, 1.0))
            samples = self._stretch(
                samples,
                self._draw(logs, rows, generator).exp(),
                torch.exp2(self._draw(self.pitch_shift, rows, generator) / 12),
            )
        factor = samples.new_ones(len(samples), 1, 1)
        if self.gain:
            factor = factor * per_row(10 ** (self._draw(self.gain, rows, generator) / 20), samples)
        if self.noise_snr:
            chosen = uniform(len(rows), 0, 1, rows, generator) < self.probability
            ratio = 10 ** (-uniform(len(rows), *self.noise_snr, rows, generator) / 20) * chosen
            level = torch.linalg.vector_norm(samples, dim=(1, 2)) / math.sqrt(samples[0].numel()) * ratio
            noise = torch.randn(samples.shape, generator=generator, device=samples.device, dtype=samples.dtype)
            samples = noise.mul_(per_row(level, samples) * factor).addcmul_(samples, factor)
        elif self.gain:
            samples = samples * factor
        if rows.dtype.is_floating_point and samples is not cells:
            limit = torch.maximum(cells.amax((1, 2), keepdim=True), -cells.amin((1, 2), keepdim=True)).clamp_min_(1.0)
            samples.clamp_(-limit, limit)
        return to_dtype(samples, rows.dtype)

    def _stretch(self, samples, rate, pitch):
        """Stretch the rows that want it; on a GPU all of them, as asking which would make it wait."""
        chosen = (rate != 1) | (pitch != 1)
        if samples.device.type != "cpu":
            return torch.where(per_row(chosen, samples), self._stretch_rows(samples, rate, pitch), samples)
        places = chosen.nonzero()[:, 0]
        if not len(places):  # split would give one part of no rows, of which there is no FFT
            return samples
        changed = samples.clone()
        for part in places.split(max(1, _SAMPLES_AT_ONCE // samples[0].numel())):
            changed[part] = self._stretch_rows(samples[part], rate[part], pitch[part])
        return changed

    def _stretch_rows(self, samples, rate, pitch):
        n_rows, n_channels, n_samples = samples.shape
        # Read `pitch` times faster afterwards, a sound that was made that much longer has its speed again.
        highest = 2 ** (max(0.0, *(self.pitch_shift or (0.0,))) / 12)
        n_needed = math.ceil(n_samples * highest) + 2 if self.pitch_shift else n_samples
        lines = samples.reshape(-1, n_samples)
        longer = stretch(
            lines,
            (rate / pitch).repeat_interleave(n_channels),
            n_needed,
            self.n_fft - self.n_fft % 4,
            (0.5 / pitch).repeat_interleave(n_channels) if self.pitch_shift else None,
        ).reshape(n_rows, n_channels, -1)
        if not self.pitch_shift:
            return longer
        positions = torch.arange(n_samples, device=samples.device) * pitch.double()[:, None]
        return read_at(longer, positions, cubic=True)
