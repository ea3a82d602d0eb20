"""The families of responses and their links, by name: what an analyst can ask for and every site knows."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # an analyst's program needs the names, and no NumPy
    from shared.parameters import Dispersion

FamilyName = Literal["binomial", "poisson", "negative_binomial", "gaussian", "gamma", "inverse_gaussian"]
LinkName = Literal["logit", "probit", "cloglog", "log", "identity", "inverse"]
LINKS: dict[FamilyName, tuple[LinkName, ...]] = {
    "binomial": ("logit", "probit", "cloglog", "log"),
    "poisson": ("log",),
    "negative_binomial": ("log",),
    "gaussian": ("identity",),
    "gamma": ("log", "inverse"),
    "inverse_gaussian": ("log",),
}
"""The links that each family has, the one it has unless another is asked for first."""
DISPERSION: "dict[FamilyName, Dispersion]" = {
    "gaussian": "sigma",
    "gamma": "shape",
    "inverse_gaussian": "shape",
    "negative_binomial": "size",
}
"""What phi is called in the families that have one."""
R_NAMES: dict[str, FamilyName] = {
    "Gamma": "gamma",
    "nbinom2": "negative_binomial",
    "inverse.gaussian": "inverse_gaussian",
}
"""What R calls a family that has another name here."""
