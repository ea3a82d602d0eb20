"""Whether a specification's sums are masked as this site asks for."""

from shared.errors import RefusedError
from shared.specification import Specification
from site_node.release.exchange import MASKING, Member
from site_node.release.policy import PolicyName


def check_masked(specification: Specification, member: Member | None, policy: PolicyName) -> None:
    """A site that belongs to a consortium answers under masks alone, unless its policy is open.

    Raises:
        RefusedError: the sums of the specification are not masked; or they are, and this site cannot mask.
    """
    if specification.masked and member is None:
        raise RefusedError(
            "sums are masked, and this site has no consortium file.",
            rule=MASKING,
            where="site.toml: consortium",
            remedy="Set `consortium` and `identity_file` to the agreed file and to the site's own key.",
            code="no_consortium",
        )
    if not specification.masked and member is not None and policy != "open":
        raise RefusedError(
            "the specification asks for the site's own numbers, without a mask.",
            rule=MASKING,
            where="the specification",
            remedy="Give the coordinator the consortium file, and ask two sites or more.",
            code="unmasked",
        )
