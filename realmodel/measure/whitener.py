"""What whitens a gradient and maps a step back: a factor of a second moment's inverse."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import LinAlgError, cholesky

from theory.arrays import Array


@dataclass(frozen=True, eq=False)
class Whitener:
    """``F`` with ``F' (A + ridge tr(A)/n I) F = I``, on the range of A where it is singular.

    By Cholesky, ``d^3/3`` operations, fewer than forming ``A`` from more than ``d/3`` tokens took;
    its inverse is never formed. The eigendecomposition, some 25 times that, is for matrices that
    are singular to working precision.

    Attributes
    ----------
    root : tensor of shape (n, n)
        The upper ``U`` of ``U'U``, so that ``F = U^{-1}``; or ``F`` itself.
    triangular : bool
        Which of the two.

    Examples
    --------
    >>> A = np.array([[4.0, 2.0], [2.0, 3.0]])
    >>> F = Whitener.of(A, 0.0).factor
    >>> np.allclose(F.T @ A @ F, np.eye(2)), np.allclose(F @ F.T, np.linalg.inv(A))
    (True, True)
    >>> F = Whitener.of(np.diag([4.0, 0.0]), 0.0).factor
    >>> (F @ F.T).tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """

    root: torch.Tensor
    triangular: bool

    @classmethod
    def of(cls, moment: Array, ridge: float) -> "Whitener":
        """Of ``A``, shifted by ``ridge`` times its mean eigenvalue."""
        n = len(moment)
        shifted = moment.copy()
        shifted[np.diag_indices(n)] += ridge * np.trace(moment) / n
        largest, floor = float(np.diag(shifted).max()), n * np.finfo(float).eps
        try:
            upper = cholesky(shifted, check_finite=False)
            if np.diag(upper).min() ** 2 > floor * largest:
                return cls(torch.from_numpy(upper), True)
        except LinAlgError:
            pass
        values, vectors = np.linalg.eigh(shifted)
        kept = values > floor * values.max()
        scale = np.divide(1.0, np.sqrt(np.abs(values)), out=np.zeros_like(values), where=kept)
        return cls(torch.from_numpy(vectors * scale), False)

    def like(self, other: torch.Tensor) -> "Whitener":
        """In the precision of ``other``, on its device."""
        return Whitener(self.root.to(other), self.triangular)

    def whiten(self, right: torch.Tensor) -> torch.Tensor:
        """``F' right`` for (n, k)."""
        if not self.triangular:
            return self.root.T @ right
        return torch.linalg.solve_triangular(self.root.T, right, upper=False)

    def unwhiten(self, right: torch.Tensor) -> torch.Tensor:
        """``F right`` for (n, k)."""
        if not self.triangular:
            return self.root @ right
        return torch.linalg.solve_triangular(self.root, right, upper=True)

    def whiten_rows(self, left: torch.Tensor) -> torch.Tensor:
        """``left F`` for (k, n)."""
        if not self.triangular:
            return left @ self.root
        return torch.linalg.solve_triangular(self.root, left, upper=True, left=False)

    @property
    def factor(self) -> Array:
        """``F`` as a matrix, which costs as much again."""
        return self.unwhiten(torch.eye(len(self.root), dtype=self.root.dtype)).numpy()
