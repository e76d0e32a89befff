"""Any torch module as an encoder."""

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.exceptions import BadInputError
from mmsk.net._constraints import SIZE

_PREFIX = "module__"


class ModuleEncoder(BaseEncoder):
    """Encoder made of a `torch.nn.Module` of the user's.

    Parameters
    ----------
    module : type or callable
        Called with the ``module__`` parameters; gives a `torch.nn.Module` that maps a tensor of cells, one a row, to
        a tensor of shape (n_cells, n_outputs). Cells arrive as floating-point numbers, codes as int64.
    output_dim : int, default=None
        Size of the embedding, reached through a linear layer; None takes the module's output as it is.
    standardize : bool, default=True
        Whether to standardise cells along their first axis with the statistics of the training cells. In either case an
        absent number of a table counts as the mean of its column.
    weights : str or Path, default=None
        A file that `save_weights` of such an encoder wrote, or a ``.pt`` file of the same weights, to start from. The
        scale of the cells comes from it, too.
    max_epochs, batch_size : int, default=40, 64
        Passes over the rows and rows a step, when trained alone.
    lr, weight_decay : float, default=3e-3, 1e-2
        Peak learning rate and decay of AdamW, when trained alone.
    callbacks : list, default=None
        Names or skorch callbacks, as `MultiModalClassifier` takes them, when trained alone.
    device : str, default="auto"
        A GPU where there is one, or any torch device.
    n_jobs : int, default=None
        CPU threads; None is one, -1 is all.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order and dropout.
    verbose : int, default=0
        1 shows a progress bar.
    **module_params : dict
        Arguments of `module`, each prefixed with ``module__`` as in skorch; they can be searched over.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    history_ : skorch.History
        Losses and durations by epoch.
    n_iter_ : int
        Epochs trained.
    classes_ : ndarray of shape (n_classes,)
        Labels, if the target was one of classes.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they had any.

    See Also
    --------
    ImageEncoder : A ready-made one for photos.

    Notes
    -----
    The module must be importable where a pickled model is opened. Its random draws, at the start and while training,
    come from `random_state` like all others. Of what it keeps, `save_weights` writes parameters and persistent buffers:
    whatever else was drawn or learned is not there when another encoder starts from the file.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from mmsk import ModuleEncoder
    >>> X = np.random.default_rng(0).normal(size=(8, 3))
    >>> encoder = ModuleEncoder(torch.nn.Linear, module__in_features=3, module__out_features=5, max_epochs=1)
    >>> encoder.fit(X, [0, 1] * 4).transform(X).shape
    (8, 5)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "module": [callable],
        "output_dim": [*SIZE, None],
        "standardize": ["boolean"],
    }

    def __init__(
        self,
        module,
        *,
        output_dim=None,
        standardize=True,
        weights=None,
        max_epochs=40,
        batch_size=64,
        lr=3e-3,
        weight_decay=1e-2,
        callbacks=None,
        device="auto",
        n_jobs=None,
        random_state=None,
        verbose=0,
        **module_params,
    ):
        self.module = module
        self.output_dim = output_dim
        self.standardize = standardize
        self.weights = weights
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.callbacks = callbacks
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        # Kept as attributes, as skorch does; unknown names are refused by fit, as scikit-learn asks.
        for name, value in module_params.items():
            setattr(self, name, value)

    def get_params(self, deep=True):
        """Get parameters, those of the module included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include parameters of nested estimators.

        Returns
        -------
        dict
            Parameter names and values.
        """
        return super().get_params(deep=deep) | self._extra_params()

    def _extra_params(self):
        known = set(self._get_param_names())
        return {k: v for k, v in vars(self).items() if k not in known and not k.startswith("_") and not k.endswith("_")}

    def set_params(self, **params):
        """Set parameters, those of the module included.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self
            The encoder.
        """
        own = {name: value for name, value in params.items() if name.startswith(_PREFIX)}
        super().set_params(**{name: value for name, value in params.items() if name not in own})
        for name, value in own.items():
            setattr(self, name, value)
        return self

    def build(self, modality):
        """Build the network for cells of a modality.

        Parameters
        ----------
        modality : mmsk.net.Modality
            What the cells look like.

        Returns
        -------
        torch.nn.Module
            Maps a tensor of cells to embeddings of shape (n_cells, output_dim).
        """
        extra = self._extra_params()
        unknown = [name for name in extra if not name.startswith(_PREFIX)]
        if unknown:
            raise BadInputError(
                f"{unknown[0]!r} is not a parameter",
                step="ModuleEncoder",
                fix=f"Arguments of the module start with {_PREFIX!r}.",
            )
        arguments = {name[len(_PREFIX) :]: value for name, value in extra.items()}
        try:
            return nn.ForeignNetwork(
                self.module(**arguments), modality.shape, modality.kind, self.output_dim, self.standardize
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise BadInputError(
                f"the module cannot take cells of shape {modality.shape} of modality {modality.key!r}: {error}",
                step="ModuleEncoder",
                column=modality.names[0],
                fix="It must map (n_cells, *shape) to (n_cells, n_outputs).",
            ) from error
