"""Ways to train adapters on moments, of the population or of a sample."""

from simulate.fits.alternating import alternating_least_squares
from simulate.fits.closed_form import closed_form
from simulate.fits.fit import Fit
from simulate.fits.gradient_descent import gradient_descent

__all__ = ["Fit", "alternating_least_squares", "closed_form", "gradient_descent"]
