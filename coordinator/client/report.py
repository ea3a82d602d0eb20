"""A result as one HTML file to be read, printed and sent: what was fitted, where, on what, how it ended, and how to repeat it."""

import json
from collections.abc import Iterable, Sequence
from html import escape

from coordinator.client.digits import fixed
from coordinator.client.estimates import Result
from coordinator.client.summary import summary
from coordinator.client.tables import html_table

_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ccc; }
th[scope=row], th[scope=rowgroup], th:first-child { text-align: left; }
td { overflow-wrap: anywhere; } .estimates td, .estimates thead th { white-space: nowrap; }
pre { white-space: pre-wrap; font-size: .8rem; background: #f4f4f4; padding: .8rem; color: #222; }
"""
REQUEST = (
    "formula",
    "family",
    "link",
    "weights",
    "quadrature_points",
    "reml",
    "tolerance",
    "max_rounds",
    "confidence_level",
)
"""Fields of a specification that are those of a request."""


def html_report(result: Result) -> str:
    """The whole report; it loads nothing and runs nothing."""
    title = escape(result["title"] or result["formula"])
    parts = [
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>\n{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *_warnings(result),
        "<h2>Estimates</h2>",
        html_table(result).rstrip(),
        "<h2>Fit</h2>",
        _pairs(_fit(result)),
        "<h2>Sites</h2>",
        _roster(result),
        "<h2>Summary</h2>",
        f"<pre>{escape(summary(dict(result)))}</pre>",
        "<h2>To cite</h2>",
        f"<p>{escape(citation(result))}</p>",
        "<h2>To repeat</h2>",
        "<p>A request file for <code>fedglmm fit request.json</code>, with the same dictionary and data:</p>",
        f"<pre>{escape(json.dumps(request_again(result), indent=2, ensure_ascii=False))}</pre>",
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def request_again(result: Result) -> dict[str, object]:
    """The request that led to a result, with what it left open filled in."""
    specification = result["specification"]
    known = {term["sd"] for term in specification["random"]} - {None}
    again = {name: specification[name] for name in REQUEST} | {"sites": list(specification["roster"])}
    return again | {"title": result["title"]} | ({"random_effect_sd": known.pop()} if known else {})


def citation(result: Result) -> str:
    """A sentence for a paper's methods."""
    software, sites = result["software"], len(result["roster"])
    return (
        f"The model {result['formula']} ({result['family']}, {result['link']} link) was estimated over {sites} "
        f"site{'' if sites == 1 else 's'} by fedglmm {software['fedglmm']}, protocol {software['protocol']}; no row left a site. "
        f"Specification SHA-256 {result['specification_sha256']}."
    )


def _warnings(result: Result) -> list[str]:
    items = "\n".join(f"<li>{escape(one['message'])}</li>" for one in result["warnings"])
    return [f"<h2>Warnings</h2>\n<ul>\n{items}\n</ul>"] if items else []


def _fit(result: Result) -> Iterable[tuple[str, str]]:
    glance, convergence = result["glance"], result["convergence"]
    yield "Ending", f"{convergence['outcome']} after {convergence['rounds']} rounds"
    yield from ((name, fixed(glance[name], 4)) for name in ("logLik", "AIC", "BIC", "deviance"))
    yield "Parameters", str(glance["npar"])
    for name in ("decrement", "relative_gradient", "smallest_curvature"):
        value = convergence[name]
        yield name.replace("_", " ").capitalize(), "" if value is None else f"{value:.2g}"


def _roster(result: Result) -> str:
    rows = [
        (one["site"], _told(one["rows"]), _told(one["rows_dropped"]), one["fingerprint"] or "")
        for one in result["roster"]
    ]
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("Site", "Rows", "Rows left out", "Fingerprint of the data")
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n" + "\n".join(map(_row, rows)) + "\n</tbody></table>"


def _told(count: int | None) -> str:
    return "not told" if count is None else str(count)


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "<table><tbody>\n" + "\n".join(map(_row, pairs)) + "\n</tbody></table>"


def _row(texts: Sequence[str]) -> str:
    name, *others = map(escape, texts)
    return f'<tr><th scope="row">{name}</th>' + "".join(f"<td>{text}</td>" for text in others) + "</tr>"
