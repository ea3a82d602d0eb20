"""The families of responses. Each is one file with one small object; the registry is all that knows of every one."""

from site_node.estimation.families.binomial import BinomialLogit
from site_node.estimation.families.binomial_cloglog import BinomialCloglog
from site_node.estimation.families.binomial_log import BinomialLog
from site_node.estimation.families.binomial_probit import BinomialProbit
from site_node.estimation.families.family import Family
from site_node.estimation.families.gamma import GammaInverse, GammaLog
from site_node.estimation.families.gaussian import GaussianIdentity
from site_node.estimation.families.inverse_gaussian import InverseGaussianLog
from site_node.estimation.families.negative_binomial import NegativeBinomialLog
from site_node.estimation.families.poisson import PoissonLog

REGISTRY: dict[tuple[str, str], Family] = {
    ("binomial", "logit"): BinomialLogit(),
    ("binomial", "probit"): BinomialProbit(),
    ("binomial", "cloglog"): BinomialCloglog(),
    ("binomial", "log"): BinomialLog(),
    ("poisson", "log"): PoissonLog(),
    ("negative_binomial", "log"): NegativeBinomialLog(),
    ("gaussian", "identity"): GaussianIdentity(),
    ("gamma", "log"): GammaLog(),
    ("gamma", "inverse"): GammaInverse(),
    ("inverse_gaussian", "log"): InverseGaussianLog(),
}
"""Family and link, by their names in a specification. What stands here is tested by standing here."""
