"""The columns of spline bases at a site's values, as R's `splines::bs` and `splines::ns` make them.

Every column is itself one spline, given by its coefficients: so it is computed alone, in the memory of one column. That takes
0.08 s for a million rows, three times as long as a column of a whole basis that is kept, and once an analysis.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shared.formula.splines import Spline
from shared.parameters import Matrix, Vector

if TYPE_CHECKING:
    from scipy.interpolate import BSpline


def spline_column(spline: Spline, index: int, x: Vector) -> Vector:
    """Column `index`, from 1, at the values x; NaN where x is.

    Beyond the boundary a natural spline goes on as a straight line, and a B-spline is NaN.
    """
    basis = _all_splines(spline)
    curve = _curve(basis.t, basis.c @ _coefficients(spline, basis)[:, index - 1], basis.k)
    values: Vector = curve(x)
    if spline.basis == "ns":
        slope = curve.derivative()
        for end, beyond in zip(spline.boundary, (x < spline.boundary[0], x > spline.boundary[1]), strict=True):
            values[beyond] = curve(end) + slope(end) * (x[beyond] - end)
    return values


def beyond_boundary(spline: Spline, x: Vector) -> NDArray[np.bool_]:
    """Where x lies outside the boundary knots."""
    low, high = spline.boundary
    return (x < low) | (x > high)


def _all_splines(spline: Spline) -> "BSpline":
    """The B-splines on these knots; the coefficients of each are a row of the identity."""
    low, high = spline.boundary
    order = spline.degree + 1
    knots = np.array([*[low] * order, *spline.knots, *[high] * order])
    return _curve(knots, np.eye(len(knots) - order), spline.degree)


def _curve(knots: Vector, coefficients: Vector | Matrix, degree: int) -> "BSpline":
    """A spline, or one a column of the coefficients; NaN beyond its knots."""
    from scipy.interpolate import BSpline  # noqa: PLC0415 -- takes as long as all the rest of a command, and few ask for it

    return BSpline(knots, coefficients, degree, extrapolate=False)


def _coefficients(spline: Spline, basis: "BSpline") -> Matrix:
    """The coefficients of the columns: of single B-splines, or of an orthonormal set that is linear at both ends.

    Which set follows R: of Q in the QR decomposition of the second derivatives at the ends, all but the first two columns.
    """
    first = 0 if spline.intercept else 1
    chosen: Matrix = basis.c[:, first:]
    if spline.basis == "bs":
        return chosen
    bends = basis.derivative(2)(np.array(spline.boundary))[:, first:]
    return np.asarray(chosen @ np.linalg.qr(bends.T, mode="complete").Q[:, 2:])
