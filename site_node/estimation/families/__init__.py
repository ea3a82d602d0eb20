"""The families of responses. Each is one file with one small object; the registry is all that knows of every one."""

from site_node.estimation.families.binomial import BinomialLogit
from site_node.estimation.families.family import Family
from site_node.estimation.families.gaussian import GaussianIdentity
from site_node.estimation.families.poisson import PoissonLog

REGISTRY: dict[tuple[str, str], Family] = {
    ("binomial", "logit"): BinomialLogit(),
    ("poisson", "log"): PoissonLog(),
    ("gaussian", "identity"): GaussianIdentity(),
}
"""Family and link, by their names in a specification. What stands here is tested by standing here."""
