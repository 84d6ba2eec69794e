"""How many floating-point operations a card must do: the floor that a timing is held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from realmodel.measure.pass_options import PassOptions
from realmodel.model.modules import AdaptedModule


@dataclass(frozen=True)
class Operations:
    """Operations of one pass over the sequences (a multiply and an add are two).

    Attributes
    ----------
    training
        Forward, backward through the inputs, and weight gradients of the measured modules; the
        head at every position.
    card
        What the card's pass must do besides: see :func:`count_operations`.
    """

    training: float
    card: dict[str, float]

    @property
    def floor(self) -> float:
        """Smallest possible ratio of a card's pass to training at equal efficiency."""
        return sum(self.card.values()) / self.training


def product_parameters(model: Any) -> tuple[int, int]:
    """Parameters that positions are multiplied by: of the blocks, and of the head.

    Embeddings are looked up, biases and norms added: none of them is a product.
    """
    head = model.get_output_embeddings().weight
    apart = [head, *(m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding))]
    known = {id(parameter) for parameter in apart}
    blocks = (p.numel() for p in model.parameters() if p.dim() > 1 and id(p) not in known)
    return sum(blocks), int(head.numel())


def count_operations(
    modules: Sequence[AdaptedModule],
    options: PassOptions,
    *,
    body: float,
    head: float,
    positions: int,
    tokens: int,
    sequences: int,
    length: float,
    width: int,
    rank: int,
) -> Operations:
    """Count the dense products; element-wise work is left out.

    Parameters
    ----------
    modules
        The measured linear maps; ``y = W h`` costs ``2 m d`` a position forward, the same for the
        gradient at its input and the same for the gradient of ``W``.
    options
        Each partition of the layers repeats the forward pass, and the backward pass down to its
        lowest.
    body, head
        Parameters of the blocks' linear maps, and of the head.
    positions, tokens, sequences
        Of the data; ``tokens`` carry loss, and a card's head sees these alone.
    length, width
        Mean sequence length and the attention's width: causal attention multiplies ``length / 2``
        keys on average, twice.
    rank
        Of LoRA.

    Examples
    --------
    One 8 x 8 map, a head of 16 tokens, one sequence of one position:

    >>> one = AdaptedModule("a", 0, "a", 8, 8, "a", False)
    >>> counted = count_operations(
    ...     [one], PassOptions(), body=64, head=128, positions=1, tokens=1, sequences=1,
    ...     length=0, width=8, rank=1,
    ... )
    >>> counted.training  # 3 * 128 and 2 * 256 at the head
    896.0
    >>> {name: int(value) for name, value in counted.card.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'forward': 128, 'backward': 128, 'backward, sampled': 128, 'gradients': 128, 'Sigma': 72,
     'Gamma': 72, 'head': 512, 'rows': 48, 'kernels': 32}
    """
    draws, partitions = options.draws, options.partitions
    rows = min(options.tangent_samples, sequences)
    layers = sorted({module.layer for module in modules})
    measured = sum(module.in_features * module.out_features for module in modules)
    attention = 2 * 2.0 * width * length / 2 * len(layers)
    forward = (2.0 * body + attention) * positions
    # A partition's backward pass ends at its lowest layer.
    share = sum((number + 1) / partitions for number in range(partitions))
    backward = (2.0 * body + 2 * attention) * positions * share
    inputs = {module.input_group: module.in_features for module in modules}
    outputs = [module.out_features for module in modules]
    gradients = 2.0 * measured * positions
    coordinates = rank * sum(outputs)
    inner = 2.0 * rank * sum(module.in_features for module in modules) * positions
    return Operations(
        training=forward + (2.0 * body + 2 * attention) * positions + gradients
        + 2 * 2.0 * head * positions,
        card={
            "forward": partitions * forward,
            "backward": backward,
            "backward, sampled": draws * backward,
            "gradients": gradients,
            "Sigma": sum(float(d) * (d + 1) for d in inputs.values()) * positions,
            "Gamma": draws * sum(float(m) * (m + 1) for m in outputs) * positions,
            "head": partitions * 2 * 2.0 * head * tokens,
            "rows": inner + 2.0 * (1 + draws) * coordinates * positions * rows / sequences,
            "kernels": 2.0 * coordinates * rows**2 * draws * (1 + draws),
        },
    )  # fmt: skip
