"""What the classifier and the regressor share."""

from warnings import warn

import numpy as np
from scipy.special import expit
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.metaestimators import _BaseComposition

from mmsk.columns import group_columns
from mmsk.encoders._defaults import default_encoder
from mmsk.exceptions import BadInputError, MissingModalityWarning
from mmsk.fusions._by_name import NAMED, resolve_fusion
from mmsk.fusions._early_fusion import InputEncoder
from mmsk.net import NeuralEstimator
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES, TRAINING_CONSTRAINTS, one_of


class BaseMultiModal(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NeuralEstimator, _BaseComposition):
    """Base of the fused estimators: modalities, encoders and the parameters of the network."""

    _parameter_constraints: dict = {
        **TRAINING_CONSTRAINTS,
        "encoders": [list, *one_of("auto")],
        "fusion": [*one_of(*NAMED), HasMethods("build")],
        "hidden_layer_sizes": SIZES,
        "dropout": PROBABILITY,
        "modality_dropout": PROBABILITY,
        "missing": one_of("zero", "token"),
        "auxiliary_loss": TRAINING_CONSTRAINTS["weight_decay"],
        "gradient_modulation": TRAINING_CONSTRAINTS["max_grad_norm"],
        "gradient_blending": [*SIZE, None],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        encoders="auto",
        *,
        fusion="concat",
        hidden_layer_sizes=(128,),
        dropout=0.0,
        modality_dropout=0.0,
        missing="zero",
        auxiliary_loss=0.3,
        gradient_modulation=None,
        gradient_blending=None,
        optimizer="adamw",
        lr=3e-3,
        weight_decay=1e-2,
        schedule="cosine",
        augment=None,
        batch_size=64,
        accumulate=1,
        max_epochs=40,
        max_grad_norm=None,
        ema_decay=None,
        validation_fraction=None,
        early_stopping=False,
        n_iter_no_change=10,
        callbacks=None,
        warm_start=False,
        device="auto",
        device_memory=0.5,
        precision="auto",
        compile=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.encoders = encoders
        self.fusion = fusion
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.modality_dropout = modality_dropout
        self.missing = missing
        self.auxiliary_loss = auxiliary_loss
        self.gradient_modulation = gradient_modulation
        self.gradient_blending = gradient_blending
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augment = augment
        self.batch_size = batch_size
        self.accumulate = accumulate
        self.max_epochs = max_epochs
        self.max_grad_norm = max_grad_norm
        self.ema_decay = ema_decay
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.device = device
        self.device_memory = device_memory
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep=True):
        """Get parameters, those of the named encoders and augmentations included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the encoders and their parameters, as ``<modality>`` and ``<modality>__<parameter>``,
            and the augmentations, as ``augment__<modality>`` and ``augment__<modality>__<parameter>``.

        Returns
        -------
        dict
            Parameter names and values.
        """
        params = self._get_params("encoders", deep=deep)
        for key, augmentation in self._named_augmentations().items() if deep else ():
            params[f"augment__{key}"] = augmentation
            if hasattr(augmentation, "get_params"):
                params |= {f"augment__{key}__{name}": value for name, value in augmentation.get_params().items()}
        return params

    @property
    def _needs_groups(self):
        settings = self._settings()
        return settings["early_stopping"] or settings["validation_fraction"] is not None

    def _named_augmentations(self):
        # What is no list of pairs is refused when the estimator is fitted, as scikit-learn does it.
        pairs = self.augment if isinstance(self.augment, list) else []
        return dict(pair for pair in pairs if isinstance(pair, tuple) and len(pair) == 2)

    def set_params(self, **params):
        """Set parameters, an encoder by its modality's name and an augmentation by ``augment__<modality>`` included.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self
            The estimator.
        """
        if "augment" in params:
            self.augment = params.pop("augment")
        inside = {name: params.pop(name) for name in list(params) if name.startswith("augment__")}
        fusion, of_fusion = params.get("fusion", self.fusion), [name for name in params if name.startswith("fusion__")]
        if of_fusion and isinstance(fusion, str):
            raise BadInputError(
                f"{of_fusion[0]} was given, but fusion={fusion!r} is a name, which has no parameters",
                step=type(self).__name__,
                fix="Give the fusion as an object, such as fusion=TensorFusion(dim=8).",
            )
        self._set_params("encoders", **params)
        # A whole augmentation first, so that its parameters may be set in the same call.
        for name in sorted(inside, key=lambda name: name.count("__")):
            self._set_augmentation(name, inside[name])
        return self

    def _set_augmentation(self, name, value):
        _, key, *inner = name.split("__", 2)
        named = self._named_augmentations()
        if key not in named:
            raise BadInputError(
                f"there is no {name!r} to set: augment names {list(named)}",
                step=type(self).__name__,
                fix="Give the augmentation in augment=[...] first.",
            )
        if inner:
            named[key].set_params(**{inner[0]: value})
        else:
            self.augment = [(k, value if k == key else augmentation) for k, augmentation in self.augment]

    def transform(self, X):
        """Embed rows in the space the head reads.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw.

        Returns
        -------
        ndarray of shape (n_rows, n_embedding)
            The fused embedding. Rows without any modality get what the fusion makes of none: zeros from most, the
            empty product from ``"tensor"``, equal answers from ``"late"``, or what it makes of learned vectors.
        """
        embedding, _ = self._answer(self._read_predict(X), embed=True)
        return embedding

    # --------------------------------------------------------------------------- what NeuralEstimator asks for
    def _named_encoders(self):
        return [] if isinstance(self.encoders, str) else list(self.encoders)

    def _group(self, names, columns):
        named = self._named_encoders()
        for entry in named:
            if not isinstance(entry, tuple) or len(entry) != 2 or not isinstance(entry[0], str):
                raise BadInputError(
                    "encoders must hold (modality, encoder)",
                    step=type(self).__name__,
                    value=entry,
                    fix='Give [("image", ImageEncoder()), ...], or "auto".',
                )
        keys = [key for key, _ in named]
        self._validate_names(keys)
        for key, encoder in named:
            if isinstance(encoder, type) or not hasattr(encoder, "build"):
                raise BadInputError(
                    f"encoders names {encoder!r} for modality {key!r}, which is no encoder",
                    step=type(self).__name__,
                    fix="Give an instance, such as ImageEncoder('resnet18'); ModuleEncoder wraps any torch module.",
                )
        groups = group_columns(names, columns, keys)
        unknown = [key for key in keys if key not in groups]
        if unknown:
            raise BadInputError(
                f"encoders names modality {unknown[0]!r}, which X does not have; it has {', '.join(groups)}",
                step=type(self).__name__,
                fix="A modality is the part of a column name before '__', or the name of a tensor column; numeric "
                "columns together are 'table'.",
            )
        return groups

    def _encoder_for(self, modality):
        if getattr(resolve_fusion(self.fusion), "takes", None) == "inputs":
            return InputEncoder()
        named = dict(self._named_encoders())
        return named[modality.key] if modality.key in named else default_encoder(modality)

    def _readers(self, key):
        given = dict(self._named_encoders()), self._named_augmentations()
        return [named[key] for named in given if key in named]

    def _network_arguments(self):
        self._check_aids()
        return {
            "fusion": clone(resolve_fusion(self.fusion), safe=False),
            "hidden_layer_sizes": tuple(self.hidden_layer_sizes),
            "dropout": self.dropout,
            "missing": self.missing,
            "modality_dropout": self.modality_dropout,
        }

    def _check_aids(self):
        step = type(self).__name__
        if self.gradient_modulation is not None and self.auxiliary_loss == 0 and self.gradient_blending is None:
            raise BadInputError(
                "gradient_modulation compares the modalities' own heads, and with auxiliary_loss=0 they learn nothing",
                step=step,
                fix="Set auxiliary_loss above 0.",
            )
        if self.gradient_blending is not None and self.validation_fraction is None and not self.early_stopping:
            raise BadInputError(
                "gradient_blending weighs losses by how they generalise, and no rows are held out to tell",
                step=step,
                fix="Set validation_fraction, to 0.1 for example.",
            )

    def _learn_prior(self, means, weight, exponent, further):
        """Learn what answers rows without any modality: the mean target of the rows trained on.

        Parameters
        ----------
        means : ndarray of shape (n_outputs,)
            Of the rows of this call.
        weight : ndarray of shape (n_rows,)
            Their weights in units of ``2 ** exponent``.
        exponent : int
            See `weight`.
        further : bool
            Whether the rows of earlier calls count as well.
        """
        log_weight = np.log(weight.sum()) + exponent * np.log(2.0)  # sums of large weights are beyond float64
        if further:
            means = self._prior + (means - self._prior) * expit(log_weight - self._log_weight)
            log_weight = np.logaddexp(log_weight, self._log_weight)
        self._prior, self._log_weight = means, log_weight

    def _after_training(self):
        self._n_features_out = self.net_.module_.fusion.output_dim
        self.modalities_ = {m.key: [str(name) for name in m.names] for m in self._plan.modalities}
        self.encoders_ = list(zip(self.modalities_, self._encoders, strict=True))

    def _warn_absent(self, present, answer):
        rows = np.flatnonzero(~present)
        warn(
            f"{type(self).__name__}: {len(rows)} rows have no modality at all, the first is row {rows[0]}; they are "
            f"answered with {answer}.",
            MissingModalityWarning,
            stacklevel=3,
        )

    def _sk_visual_block_(self):
        named = self._named_encoders()
        if not named:
            return _VisualBlock("single", self, names=type(self).__name__, name_details=str(self))
        return _VisualBlock("parallel", [encoder for _, encoder in named], names=[key for key, _ in named])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
