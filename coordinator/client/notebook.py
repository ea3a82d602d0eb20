"""A fit as a notebook shows it: warnings first, the estimates as a table, and how the estimation ended."""

from html import escape

from coordinator.client.digits import fixed
from coordinator.client.estimates import Result
from coordinator.client.tables import html_table


def page(result: Result) -> str:
    """HTML without a style or script of its own."""
    convergence, glance = result["convergence"], result["glance"]
    warnings = "".join(f"<li>{escape(one['message'])}</li>\n" for one in result["warnings"])
    numbers = [(name, fixed(glance[name], 2)) for name in ("logLik", "AIC", "BIC")]
    told = "; ".join(f"{name} {value}" for name, value in numbers if value)
    return "\n".join(
        [
            '<section class="fedglmm">',
            *([f"<p><strong>Warnings</strong></p>\n<ul>\n{warnings}</ul>"] if warnings else []),
            html_table(result).rstrip(),
            f"<p>{escape(convergence['outcome'])} after {convergence['rounds']} rounds. {told}</p>",
            "</section>",
        ]
    )
