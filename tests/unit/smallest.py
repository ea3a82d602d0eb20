"""The smallest specification that there is, for tests in which its content does not matter."""

from shared.formula.expressions import Column, VariableRef
from shared.specification import NumericResponse, Specification

SPECIFICATION = Specification(
    formula="y ~ 1",
    family="binomial",
    link="logit",
    response=NumericResponse(expression=VariableRef("y")),
    fixed=(Column("(Intercept)"),),
    roster=("Bern",),
    dictionary_sha256="0" * 64,
    tolerance=1e-16,
    max_rounds=50,
    confidence_level=0.95,
)
