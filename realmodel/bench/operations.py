"""How many floating-point operations a pass must do: the floor that a timing is held against."""

from collections.abc import Sequence
from dataclasses import dataclass

from realmodel.model.modules import AdaptedModule


@dataclass(frozen=True)
class Operations:
    """Operations per token (a multiply and an add are two).

    Attributes
    ----------
    training
        Forward, backward through the inputs and weight gradients of the measured modules and
        the head.
    extraction
        The same, with each weight gradient summed per group of sequences (no extra arithmetic),
        and one symmetric product per distinct input. Each partition of the layers repeats the
        forward pass, and the backward pass down to its lowest layer.
    """

    training: float
    extraction: float

    @property
    def floor(self) -> float:
        """Smallest possible ratio of extraction to training at equal efficiency."""
        return self.extraction / self.training


def count_operations(
    modules: Sequence[AdaptedModule],
    *,
    width: int,
    vocabulary: int,
    length: int,
    partitions: int = 1,
    completion_share: float = 1.0,
) -> Operations:
    """Count the dense products; element-wise work is left out.

    Parameters
    ----------
    modules
        The measured linear maps; ``y = W h`` costs ``2 m d`` forward, the same for the gradient
        at its input and the same for the gradient of ``W``.
    width, vocabulary
        The head is a ``vocabulary x width`` product, forward and backward; its weight is frozen.
    length
        Sequence length; causal attention multiplies ``length / 2`` keys on average, twice.
    partitions
        Groups of layers, one pass over the data each, as in ``collect_statistics``.
    completion_share
        Share of the positions that carry loss: in extraction the head sees these alone.

    Examples
    --------
    One 8 x 8 map, a head of 16 tokens: 3 * 128 + 2 * 256 for training, and 8 * 9 for Sigma.

    >>> one = AdaptedModule("a", 0, "a", 8, 8, "a", False)
    >>> counted = count_operations([one], width=8, vocabulary=16, length=0)
    >>> counted.training, counted.extraction - counted.training
    (896.0, 72.0)
    """
    layers = sorted({module.layer for module in modules})
    products = {
        layer: sum(
            2.0 * module.out_features * module.in_features
            for module in modules
            if module.layer == layer
        )
        for layer in layers
    }
    attention = 2 * 2.0 * width * length / 2
    head = 2.0 * width * vocabulary
    forward = sum(products.values()) + attention * len(layers)
    weights = sum(products.values())
    training = 2 * head + forward + (weights + 2 * attention * len(layers)) + weights
    each = -(-len(layers) // partitions)
    passes = 0.0
    for lowest in range(0, len(layers), each):
        backward = sum(products[layer] + 2 * attention for layer in layers[lowest:])
        passes += 2 * head * completion_share + forward + backward
    inputs = {module.input_group: module.in_features for module in modules}
    moments = sum(float(d) * (d + 1) for d in inputs.values())
    return Operations(training, passes + weights + moments)
