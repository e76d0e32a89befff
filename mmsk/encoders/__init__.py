"""Encoders: one modality to a vector, trained alone or inside a fused network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_image_encoder": ["ImageEncoder"],
        "_module_encoder": ["ModuleEncoder"],
        "_spectrogram_encoder": ["SpectrogramEncoder"],
        "_tabular_encoder": ["TabularEncoder"],
        "_text_encoder": ["TextEncoder"],
        "_waveform_encoder": ["WaveformEncoder"],
    },
)
