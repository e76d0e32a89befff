"""Loaders and features: raw cells to tensor columns, and tensor columns to plain numeric ones."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_audio_loader": ["AudioLoader"],
        "_char_encoder": ["CharEncoder"],
        "_image_loader": ["ImageLoader"],
        "_mel_spectrogram": ["MelSpectrogram"],
        "_mfcc": ["MFCC"],
        "_modality_masker": ["ModalityMasker"],
        "_spectrogram_image": ["SpectrogramImage"],
        "_tensor_flattener": ["TensorFlattener"],
        "_waveform_image": ["WaveformImage"],
    },
)
