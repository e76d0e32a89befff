"""Plain torch modules: encoders' networks, fusions and heads. Names are imported when they are used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["fusions"],
    submod_attrs={
        "_backbone": ["default_state", "make_backbone"],
        "_foreign": ["ForeignNetwork"],
        "_fused_network": ["FusedNetwork"],
        "_layers": ["ChannelDropout", "Dropout", "Projection", "Standardize", "perceptron"],
        "_log_mel": ["LogMel"],
        "_narrow": ["guard_narrow"],
        "_residual": ["ImageNetwork", "ResidualBlock", "ResidualTrunk"],
        "_spectrogram": ["FourBranchNetwork", "SpectrogramNetwork"],
        "_tabular": ["TabularNetwork"],
        "_tagging": ["TaggingNetwork1d", "TaggingNetwork2d"],
        "_text": ["CharacterNetwork", "SeluCharacterNetwork"],
        "_transfer": ["TransferNetwork", "frozen_features"],
        "_waveform": ["WaveformNetwork"],
        "_weights": ["load_state", "read_weights", "weights_from_numpy", "weights_to_numpy", "write_weights"],
    },
)
