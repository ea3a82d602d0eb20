"""The model that a specification asks for, as the estimation sees it: a layout of psi and a family."""

from dataclasses import dataclass

from shared.parameters import ParameterLayout
from shared.specification import Specification
from site_node.estimation.families import REGISTRY
from site_node.estimation.families.family import Family


@dataclass(frozen=True)
class Model:
    """What is needed besides the rows to compute a contribution."""

    layout: ParameterLayout
    family: Family


def model_of(specification: Specification) -> Model:
    """The model of a specification, whose family and link are names of the registry."""
    return Model(specification.layout, REGISTRY[specification.family, specification.link])
