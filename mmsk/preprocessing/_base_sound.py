"""The parameters that every transformer of sounds shares."""

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval, StrOptions

from mmsk.base import BaseCellTransformer
from mmsk.preprocessing._sound import FLOAT, check_sound, read_sound


class BaseSoundTransformer(BaseCellTransformer):
    """Base class of transformers whose raw cells are sounds.

    Examples
    --------
    >>> from mmsk.preprocessing import AudioLoader
    >>> from mmsk.preprocessing._base_sound import BaseSoundTransformer
    >>> issubclass(AudioLoader, BaseSoundTransformer)
    True
    """

    _parameter_constraints: dict = {
        "sampling_rate": [Interval(Integral, 1, None, closed="left")],
        "duration": [Interval(Real, 0, None, closed="neither"), None],
        "position": [StrOptions({"start", "center"})],
        **BaseCellTransformer._parameter_constraints,
    }

    def _check_raw(self, cell):
        check_sound(cell)

    def _read_waveform(self, cell, mono=True, dtype=FLOAT, out=None):
        return read_sound(
            cell,
            sampling_rate=self.sampling_rate,
            duration=self.duration,
            position=self.position,
            mono=mono,
            dtype=dtype,
            out=out,
        )
