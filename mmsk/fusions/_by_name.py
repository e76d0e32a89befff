"""The fusions that have a name."""

from functools import partial

from mmsk.exceptions import BadInputError
from mmsk.fusions._attention_fusion import AttentionFusion
from mmsk.fusions._bottleneck_fusion import BottleneckFusion
from mmsk.fusions._concat_fusion import ConcatFusion
from mmsk.fusions._cross_attention_fusion import CrossAttentionFusion
from mmsk.fusions._early_fusion import EarlyFusion
from mmsk.fusions._embrace_fusion import EmbraceFusion
from mmsk.fusions._film_fusion import FilmFusion
from mmsk.fusions._gated_fusion import GatedFusion
from mmsk.fusions._late_fusion import LateFusion
from mmsk.fusions._low_rank_fusion import LowRankFusion
from mmsk.fusions._pooled_fusion import PooledFusion
from mmsk.fusions._tensor_fusion import TensorFusion

NAMED = {
    "early": EarlyFusion,
    "concat": ConcatFusion,
    "sum": partial(PooledFusion, "sum"),
    "mean": partial(PooledFusion, "mean"),
    "max": partial(PooledFusion, "max"),
    "gated": GatedFusion,
    "film": FilmFusion,
    "embrace": EmbraceFusion,
    "tensor": TensorFusion,
    "low_rank": LowRankFusion,
    "attention": AttentionFusion,
    "cross_attention": CrossAttentionFusion,
    "bottleneck": BottleneckFusion,
    "late": LateFusion,
}


def resolve_fusion(fusion):
    """Look up a fusion.

    Parameters
    ----------
    fusion : str or fusion
        A name, or an object with a method `build`.

    Returns
    -------
    fusion
        The object, or that of the name with default parameters.

    Raises
    ------
    BadInputError
        If it is a class.
    """
    if isinstance(fusion, type):
        raise BadInputError(
            f"fusion={fusion.__name__} is a class", step="fusion", fix=f"Give an instance: {fusion.__name__}()."
        )
    return NAMED[fusion]() if isinstance(fusion, str) else fusion
