"""The encoder that a modality gets when the user names none."""

from mmsk.encoders._image_encoder import ImageEncoder
from mmsk.encoders._spectrogram_encoder import SpectrogramEncoder
from mmsk.encoders._tabular_encoder import TabularEncoder
from mmsk.encoders._text_encoder import TextEncoder
from mmsk.encoders._waveform_encoder import WaveformEncoder
from mmsk.exceptions import BadInputError

_BY_KIND = {
    "image": ImageEncoder,
    "spectrogram": SpectrogramEncoder,
    "waveform": WaveformEncoder,
    "series": WaveformEncoder,
    "codes": TextEncoder,
    "table": TabularEncoder,
}


def default_encoder(modality):
    """Choose an encoder by what the cells are.

    Parameters
    ----------
    modality : mmsk.net.Modality
        What training saw.

    Returns
    -------
    encoder
        With default parameters.

    Raises
    ------
    BadInputError
        If no encoder reads such cells.
    """
    if modality.kind not in _BY_KIND:
        raise BadInputError(
            f"no encoder is known for modality {modality.key!r}, whose cells have shape {modality.shape}",
            step="encoders",
            column=modality.names[0],
            fix="Name one in encoders=[...]: WaveformEncoder reads recordings and SpectrogramEncoder spectrograms of "
            "any integers; ModuleEncoder takes any torch module.",
        )
    return _BY_KIND[modality.kind]()
