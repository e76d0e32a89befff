"""Regressor over several modalities."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context

from mmsk.columns import check_groups
from mmsk.exceptions import BadInputError
from mmsk.multimodal._base import BaseMultiModal
from mmsk.net._held_out import training_weight
from mmsk.net._target import read_values, target_statistics


class MultiModalRegressor(RegressorMixin, BaseMultiModal):
    """Predict numbers from rows that hold photos, sounds, sentences and numbers, some of them missing.

    The same network as `MultiModalClassifier`, trained on squared error of standardised targets.

    Parameters
    ----------
    encoders : "auto" or list of (modality, encoder), default="auto"
        Encoders by modality; ``set_params(image__dropout=0.1)`` reaches into them. Modalities that are not listed get
        the default for their cells: `ImageEncoder`, `SpectrogramEncoder`, `WaveformEncoder`, `TextEncoder` or
        `TabularEncoder`. Whole numbers in cells of one axis are taken for codes of texts, int16 apart. Training
        parameters of these encoders are not used; those below are.
    fusion : str or fusion, default="concat"
        How the embeddings present in a row become one vector: ``"concat"``, ``"sum"``, ``"mean"``, ``"max"``,
        ``"gated"``, ``"film"``, ``"embrace"``, ``"tensor"``, ``"low_rank"``, ``"attention"``, ``"cross_attention"`` or
        ``"bottleneck"``; how the answers of each modality become one: ``"late"``; or inputs joined before one encoder:
        ``"early"``. An object, such as `TensorFusion(dim=8)`, has parameters, which a search reaches by
        ``fusion__dim``; see :mod:`mmsk.fusions`.
    hidden_layer_sizes : sequence of int, default=(128,)
        Hidden layers of the head.
    dropout : float, default=0.0
        Dropout in the head.
    modality_dropout : float, default=0.0
        Probability that training hides a present modality of a row from the fusion; one always stays.
    missing : {"zero", "token"}, default="zero"
        What stands for an absent modality: zeros, or a learned vector a modality.
    auxiliary_loss : float, default=0.3
        Weight of the loss of a linear head a modality, which keeps every encoder learning. Without effect if there is
        one modality only, or with early fusion.
    gradient_modulation : float, default=None
        Slow down, in each step, the encoders of modalities whose own heads are ahead of the others, so that all learn:
        OGM-GE (Peng et al., CVPR 2022) with this alpha, 0.1 to 1. It needs what `auxiliary_loss` trains.
    gradient_blending : int, default=None
        Weigh the losses of the joint head and of the modalities' own anew every so many epochs, by how much each
        generalises and how little it overfits: online gradient blending (Wang et al., CVPR 2020). In place of
        `auxiliary_loss`, and like it without effect with one modality; it needs rows to validate on, and so
        `validation_fraction` or `early_stopping`. Weights are in ``history_[:, "blending_weights"]``.
    optimizer : {"adamw", "adam", "sgd"} or type, default="adamw"
        Optimiser, or a `torch.optim.Optimizer` subclass.
    lr : float, default=3e-3
        Peak learning rate. Large backbones want less, 1e-4 to 1e-3.
    weight_decay : float, default=1e-2
        Weight decay of the optimiser.
    schedule : {"cosine", "constant"}, default="cosine"
        Course of the learning rate: a rise over the first tenth of all steps and half a cosine to zero, or none.
    augment : list of (modality, augmentation), default=None
        Random changes to training cells, drawn anew for every row of every epoch, such as
        ``[("image", ImageAugmentation(rotation=15)), ("all", MixUp(0.2))]``; "all" is the key of what mixes rows. A
        search reaches into them by ``augment__image__rotation``.
    batch_size : int, default=64
        Most rows a batch; batches of one epoch have nearly equal sizes, and nearly equal shares of the rows that lack
        the same modalities.
    accumulate : int, default=1
        Batches a step, their gradients averaged, for steps over more rows than memory holds at once.
    max_epochs : int, default=40
        Passes over the rows.
    max_grad_norm : float, default=None
        Gradients of a larger norm are scaled down to this one.
    ema_decay : float, default=None
        Validate and predict with an exponential moving average of the weights of all steps, which keeps this share of
        itself at each of them (0.999, say); None takes the last weights.
    validation_fraction : float, default=None
        Share of the rows held out to compute ``valid_loss``; None holds out none, or 0.1 with `early_stopping`.
    early_stopping : bool, default=False
        Whether to stop when ``valid_loss`` has not improved for `n_iter_no_change` epochs, and restore the best
        weights. Rows that a sampler repeated are held out together; those that `MaskedCopies` or `TensorSampler` made
        of others are not known to be, and flatter the rows they came from.
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    callbacks : list, default=None
        What happens beside the training: skorch callbacks, which are copied before use, or names. ``"early_stopping"``
        is the parameter `early_stopping`. ``"reduce_lr"`` halves the learning rate after half of `n_iter_no_change`
        epochs without a better loss; like any of skorch's that set learning rates it takes the place of `schedule`.
        ``"checkpoint"`` keeps the weights of the best epoch in a directory below ``checkpoints`` and ends with them.
        ``"tensorboard"`` (extra ``mmsk[tensorboard]``) writes the history below ``runs``. ``"progress"`` shows a bar.
        The loss that counts is ``valid_loss``, or ``train_loss`` where no rows are held out.
    warm_start : bool, default=False
        Whether another fit goes on from the weights there are. The network, `optimizer`, `device`, `precision` and
        `compile` stay as they are; other parameters may change in between. After a pickle the optimizer starts anew:
        such a model predicts the same, but trains on a little differently.
    device : str, default="auto"
        A GPU where there is one, or any torch device; without a GPU "cuda" is the CPU, so that a model trained on one
        opens and trains on everywhere.
    device_memory : float, default=0.5
        Share of a GPU's free memory that training cells may fill; modalities beyond it are copied there a batch at a
        time.
    precision : {"auto", "float32", "float64", "bfloat16"}, default="auto"
        What to compute in. ``"auto"`` is float64 for a float64 table on a CPU, bfloat16 products with float32 weights
        while training on a GPU that has them, float32 otherwise.
    compile : bool, default=False
        Compile the encoders with `torch.compile`, which pays in long trainings and needs a C++ compiler on a CPU.
    n_jobs : int, default=None
        CPU threads; None is one, -1 is all. Another number of threads rounds sums otherwise, and training amplifies
        that. Threads that compete with other processes for cores wait for each other: run folds side by side first.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order of rows and dropout. torch's global state is not touched, numpy's only by None,
        which draws a seed from it as scikit-learn does.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    target_mean_, target_scale_ : ndarray of shape (n_targets,)
        Weighted mean and standard deviation of the training targets.
    modalities_ : dict of str to list of str
        Columns of each modality.
    encoders_ : list of (modality, encoder)
        The encoders used.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the network.
    history_ : skorch.History
        Losses and durations by epoch.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if they had any.

    See Also
    --------
    MultiModalClassifier : The same for classes.

    Examples
    --------
    >>> import numpy as np
    >>> from mmsk import MultiModalRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = MultiModalRegressor(max_epochs=200, lr=1e-2, random_state=0).fit(X, 3 * X[:, 0])
    >>> bool(model.score(X, 3 * X[:, 0]) > 0.9)
    True
    """

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
        super().__init__(
            encoders,
            fusion=fusion,
            hidden_layer_sizes=hidden_layer_sizes,
            dropout=dropout,
            modality_dropout=modality_dropout,
            missing=missing,
            auxiliary_loss=auxiliary_loss,
            gradient_modulation=gradient_modulation,
            gradient_blending=gradient_blending,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            schedule=schedule,
            augment=augment,
            batch_size=batch_size,
            accumulate=accumulate,
            max_epochs=max_epochs,
            max_grad_norm=max_grad_norm,
            ema_decay=ema_decay,
            validation_fraction=validation_fraction,
            early_stopping=early_stopping,
            n_iter_no_change=n_iter_no_change,
            callbacks=callbacks,
            warm_start=warm_start,
            device=device,
            device_memory=device_memory,
            precision=precision,
            compile=compile,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        """Train the network.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            Tensor columns and numeric columns, as a `ColumnTransformer` of loaders gives them; or plain numbers.
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            Numbers.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        groups : array-like of shape (n_rows,), default=None
            Who or what a row is of, such as the speaker: `validation_fraction` and `early_stopping` hold out the rows
            of one group together.

        Returns
        -------
        self
            The trained regressor.

        Raises
        ------
        BadInputError
            If the input cannot be learned from; the message says where it stands and what to do.
        """
        return self._fit(X, y, sample_weight, groups, keep=self.warm_start and hasattr(self, "net_"))

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, sample_weight=None):
        """Train one more epoch, at a constant learning rate; the optimizer starts anew after a pickle.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            Rows with the columns of the first call.
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            Numbers; the first call sets their scale.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        self
            The regressor.
        """
        return self._fit(X, y, sample_weight, None, keep=hasattr(self, "net_"), epochs=1)

    def _fit(self, X, y, sample_weight, groups, keep, epochs=None):
        step = type(self).__name__
        if y is None:
            raise BadInputError("requires y to be passed, but the target y is None", step=step)
        table = self._read_fit(X, keep)
        values, one_dimensional = read_values(y, step)
        rows, weight, exponent = self._check_rows(X, values, sample_weight)
        groups = check_groups(groups, values, step)
        read = self._collect(table, rows, keep)
        values, weight = values[rows], weight[rows]
        held_out = self._begin(values, read, None if groups is None else groups[rows], keep)
        if not keep:
            self.target_mean_, self.target_scale_ = target_statistics(values, training_weight(weight, held_out), step)
            self._one_dimensional = one_dimensional
        elif values.shape[1] != len(self.target_mean_):
            raise BadInputError(
                f"y has {values.shape[1]} targets, the first fit had {len(self.target_mean_)}", step=step
            )
        target = (values - self.target_mean_) / self.target_scale_
        self._train(read, target, weight, "regression", target.shape[1], held_out=held_out, keep=keep, epochs=epochs)
        is_centered = not keep and held_out is None
        means = np.zeros(target.shape[1]) if is_centered else np.average(target, axis=0, weights=weight)
        self._learn_prior(means, weight, exponent, further=keep and epochs is not None)
        self._after_training()
        return self

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_rows, n_columns)
            The columns that fit saw; any modality of any row may be missing.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_targets)
            Predictions; rows without any modality get the mean of training.
        """
        columns = self._read_predict(X)
        outputs, present = self._answer(columns)
        if not present.all():
            self._warn_absent(present, "the mean target of training")
            outputs[~present] = self._prior
        values = outputs * self.target_scale_ + self.target_mean_
        return values[:, 0] if self._one_dimensional else values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
