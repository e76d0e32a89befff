"""Inputs joined before one encoder."""

from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import HasMethods

from mmsk.encoders import SpectrogramEncoder, TabularEncoder
from mmsk.exceptions import BadInputError
from mmsk.fusions._base import BaseFusion
from mmsk.net import Modality
from mmsk.net._constraints import check_encoder
from mmsk.nn.fusions import InputReader, JoinedInputs


class EarlyFusion(BaseFusion):
    """The inputs of one row joined and given to one encoder; ``fusion="early"``.

    The estimator's `encoders` and `auxiliary_loss` have no part in it: there is one encoder, that of this fusion.

    Parameters
    ----------
    encoder : encoder, default=None
        Reads the joined inputs. None is `SpectrogramEncoder()` where every modality has two axes, channels and frames,
        and `TabularEncoder()` elsewhere; an encoder of tables makes vectors of channels and frames, too.

    Notes
    -----
    Inputs are standardised with the statistics of the training cells, a channel at a time. They are joined in one of
    two ways. Spectrograms, MFCC and sensor series: the frames of each are brought to the largest number of frames by
    linear interpolation, since all cells of a row cover the same time, and the channels of all are put on top of each
    other, with one more a modality that tells where it is present. Everything else: all numbers of all cells make one
    vector, which large photos make a long one; sentences take part as the share of each character in them. An absent
    input is the mean of training, zero after standardisation, and is flagged.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from mmsk import EarlyFusion, MultiModalClassifier, TabularEncoder
    >>> X = pd.DataFrame({"blood__sugar": np.arange(20.0), "pulse__rest": np.tile([60.0, 80.0], 10)})
    >>> y = (X["pulse__rest"] > 70).to_numpy()
    >>> fusion = EarlyFusion(TabularEncoder(hidden_layer_sizes=(16,)))
    >>> model = MultiModalClassifier(fusion=fusion, max_epochs=20, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    _parameter_constraints: dict = {"encoder": [HasMethods("build"), None]}
    takes = "inputs"

    def __init__(self, encoder=None):
        self.encoder = encoder

    def build(self, dims):
        """Build the torch module.

        Parameters
        ----------
        dims : sequence of tuple of int
            Shape of the inputs of each modality.

        Returns
        -------
        torch.nn.Module
            Joins inputs and encodes them.

        Raises
        ------
        BadInputError
            If the encoder is to start from weights of a file.
        """
        self._validate_params()
        shapes = [tuple(shape) for shape in dims]
        on_frames = all(len(shape) == 2 for shape in shapes)
        encoder = self.encoder
        if encoder is None:
            encoder = SpectrogramEncoder() if on_frames else TabularEncoder()
        if getattr(encoder, "weights", None) is not None:
            raise BadInputError(
                f"the encoder of early fusion has weights={encoder.weights!r}, which are those of single inputs",
                step=type(self).__name__,
                fix="Leave weights out, or choose a fusion of embeddings.",
            )
        n_frames = None
        if on_frames and "table" not in getattr(encoder, "_kinds", ()):
            n_frames = max(shape[1] for shape in shapes)
            joined, kind = (sum(shape[0] for shape in shapes) + len(shapes), n_frames), "spectrogram"
        else:
            joined, kind = (sum(InputReader("array", shape).output_dim for shape in shapes),), "table"
        description = Modality("joined", (), ("all columns",), kind, joined, "float32")
        return JoinedInputs(check_encoder(clone(encoder)).build(description), n_frames)


class InputEncoder(BaseEstimator):
    """Stands in for an encoder where inputs are joined: passes standardised cells on."""

    def build(self, modality):
        """Build the module.

        Parameters
        ----------
        modality : mmsk.net.Modality
            What the cells look like.

        Returns
        -------
        torch.nn.Module
            Standardises cells.

        Raises
        ------
        BadInputError
            If the cells are videos.
        """
        if modality.kind == "video":
            raise BadInputError(
                f"modality {modality.key!r} holds videos, which early fusion does not join",
                step="EarlyFusion",
                column=modality.names[0],
                fix="Choose another fusion.",
            )
        return InputReader(modality.kind, modality.shape, modality.codes)
