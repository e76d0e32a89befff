"""Sentences to embeddings."""

import numpy as np

from mmsk import nn
from mmsk.encoders._base import BaseEncoder
from mmsk.net._constraints import PROBABILITY, SIZE, SIZES, one_of


class TextEncoder(BaseEncoder):
    """Character convolutional network for sentences, cells of integer codes of shape (L,).

    Parameters
    ----------
    embedding_dim : int, default=None
        Size of a character's vector; None is 64, or 256 for ``"selu"``.
    network : {"relu", "selu"}, default="relu"
        Convolutions and a linear map; or the network of the multimodal_keras recipe, with tanh behind the convolutions
        and two dense layers with SELU.
    kernel_sizes : sequence of int, default=None
        Widths of the convolutions in characters; None is (4, 5, 6, 7), or (2, 3, 4, 5) for ``"selu"``.
    n_filters : int, default=256
        Filters of each width.
    output_dim : int, default=128
        Size of the embedding.
    dropout : float, default=0.2
        Dropout before the embedding, and of character vectors at half that rate. ``"selu"`` has it, at half that rate,
        between its dense layers only.
    weights : str or Path, default=None
        A file that `save_weights` of such an encoder wrote, or a ``.pt`` file of the same weights, to start from.
        Characters that both tasks have keep their vectors; codes mean the same in both with
        ``CharEncoder(vocabulary="unicode")``.
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
    mmsk.CharEncoder : Makes codes of text.

    Notes
    -----
    The maximum of each filter over the sentence is kept, so padding does not matter, and the place of a phrase hardly
    does: with "relu" at the beginning alone, as a filter that begins before it would see more zeros than one; with
    "selu" as far as filters are placed half their width apart. Characters that training did not see share one vector,
    zero.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import CharEncoder, TextEncoder
    >>> codes = CharEncoder(max_length=20).fit_transform([["a dog barks"], ["rain falls"]] * 4)
    >>> TextEncoder(max_epochs=1, random_state=0).fit(codes, [0, 1] * 4).transform(codes).shape
    (8, 128)
    """

    _parameter_constraints: dict = {
        **BaseEncoder._parameter_constraints,
        "embedding_dim": [*SIZE, None],
        "network": one_of("relu", "selu"),
        "kernel_sizes": [*SIZES, None],
        "n_filters": SIZE,
        "output_dim": SIZE,
        "dropout": PROBABILITY,
    }
    _kinds = ("codes",)

    def __init__(
        self,
        embedding_dim=None,
        *,
        network="relu",
        kernel_sizes=None,
        n_filters=256,
        output_dim=128,
        dropout=0.2,
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
        self.embedding_dim = embedding_dim
        self.network = network
        self.kernel_sizes = kernel_sizes
        self.n_filters = n_filters
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

    def _fit_state(self, module, state):
        """Take the vectors of characters that this task has, too."""
        state, own = dict(state), module.state_dict()
        if "codes" in state and "embedding.weight" in state:
            vectors = own["embedding.weight"].clone()
            shared = np.intersect1d(own["codes"], state["codes"], return_indices=True)[1:]
            here, there = (places + 1 for places in shared)  # the first vector is that of unknown characters
            if vectors.shape[1:] == state["embedding.weight"].shape[1:]:
                vectors[here] = state["embedding.weight"][there].to(vectors.dtype)
                state |= {"codes": own["codes"], "embedding.weight": vectors}
        return state

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
        network, embedding_dim, sizes, dropout = nn.CharacterNetwork, 64, (4, 5, 6, 7), self.dropout
        if self.network == "selu":
            network, embedding_dim, sizes, dropout = nn.SeluCharacterNetwork, 256, (2, 3, 4, 5), self.dropout / 2
        embedding_dim = embedding_dim if self.embedding_dim is None else self.embedding_dim
        sizes = sizes if self.kernel_sizes is None else tuple(self.kernel_sizes)
        return network(modality.codes, embedding_dim, sizes, self.n_filters, self.output_dim, dropout)
