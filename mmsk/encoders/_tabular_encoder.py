"""Numbers to embeddings."""

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES


class TabularEncoder(BaseEncoder):
    """Perceptron for numeric columns, some of whose values are NaN.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(128,)
        Hidden layers.
    output_dim : int, default=64
        Size of the embedding.
    dropout : float, default=0.0
        Dropout after each hidden layer.
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
    sklearn.preprocessing.OneHotEncoder : Makes numbers of categories.

    Notes
    -----
    Columns are standardised with the statistics of the training rows, in float64. An absent number counts as the mean
    and is flagged by an input of its own. A row of absent numbers only lacks the modality.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import TabularEncoder
    >>> X = np.array([[0.0, np.nan], [1.0, 2.0], [0.1, 3.0], [0.9, np.nan]])
    >>> TabularEncoder(output_dim=8, random_state=0).fit(X, [0, 1, 0, 1]).transform(X).shape
    (4, 8)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "hidden_layer_sizes": SIZES,
        "output_dim": SIZE,
        "dropout": PROBABILITY,
    }
    _kinds = ("table",)

    def __init__(
        self,
        hidden_layer_sizes=(128,),
        *,
        output_dim=64,
        dropout=0.0,
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
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.output_dim = output_dim
        self.dropout = dropout
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
        self._check_kind(modality)
        return nn.TabularNetwork(modality.shape[0], tuple(self.hidden_layer_sizes), self.output_dim, self.dropout)
