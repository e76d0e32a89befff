"""Random changes to training cells, a draw of its own for every row of every epoch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_cut_mix": ["CutMix"],
        "_image_augmentation": ["ImageAugmentation"],
        "_mix_up": ["MixUp"],
        "_series_augmentation": ["SeriesAugmentation"],
        "_spectrogram_augmentation": ["SpectrogramAugmentation"],
        "_text_augmentation": ["TextAugmentation"],
        "_waveform_augmentation": ["WaveformAugmentation"],
    },
)
