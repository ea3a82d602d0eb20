"""Numbers as people read them. Rounding happens here and nowhere else; what is missing is empty."""

SMALLEST_ERROR, LARGEST_ERROR = 1e-3, 1e4
"""Standard errors that five decimals show well."""
SMALLEST_P = 2e-16
"""R's own limit."""
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))


def fixed(value: float | None, digits: int) -> str:
    """So many decimals, and no minus before a zero."""
    if value is None:
        return ""
    return f"{value:.{digits}f}".replace(f"-{0:.{digits}f}", f"{0:.{digits}f}")


def significant(value: float | None) -> str:
    """Four significant digits."""
    return "" if value is None else f"{value:.4g}"


def beside(value: float | None, error: float | None) -> str:
    """An estimate, or an end of its interval: five decimals as lme4 has them, or as many digits as its error asks for."""
    if value is None:
        return ""
    return f"{value:.5f}" if _ordinary(error) else f"{value:.5g}"


def of_error(error: float | None) -> str:
    """A standard error, to go `beside` its estimate."""
    if error is None:
        return ""
    return f"{error:.5f}" if _ordinary(error) else f"{error:.4g}"


def of_p(value: float | None) -> str:
    """A p value."""
    if value is None:
        return ""
    return f"< {SMALLEST_P:.0e}" if value < SMALLEST_P else f"{value:.3g}"


def stars(value: float | None) -> str:
    """R's signs of significance."""
    return "" if value is None else next((mark for level, mark in _STARS if value < level), "")


def _ordinary(error: float | None) -> bool:
    return error is not None and SMALLEST_ERROR <= error < LARGEST_ERROR
