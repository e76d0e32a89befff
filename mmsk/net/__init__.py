"""The only room that knows skorch: nets, batches, devices, randomness. Names are imported when they are used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_callbacks": ["changes_rates"],
        "_device": ["cpu_threads", "resolve_device", "resolve_precision"],
        "_estimator": ["NeuralEstimator"],
        "_frozen": ["features_for_cells"],
        "_modality": ["Modality", "describe"],
        "_random": ["RandomFrom", "give_generator", "make_generators"],
        "_training": [
            "Plan",
            "build_net",
            "build_network",
            "change_settings",
            "is_finite",
            "learn_statistics",
            "outputs",
            "train",
        ],
    },
)
