"""Examples of the messages, as the interfaces' descriptions show them: plain values, of one exchange."""

from typing import Any, TypeAlias

Example: TypeAlias = dict[str, Any]

SPECIFICATION_SHA256 = "ffb6d87b43a1c2c06df17d4a7dbd9c0c3cd04bbc4a1d6e1e2f5f8d4ed6ce0b5a"
FINGERPRINT = "4cca98350b1b0c55e0e2a9db2b56f7a7c5e4f3b0a5d8f6ef2b8a2f1de7a4c3d2"
PSI = [-0.52, -0.68, 0.17]
CONTRIBUTION: Example = {
    "value": -27.7,
    "gradient": [2.12, 1.56, 0.01],
    "hessian": [-9.34, -4.67, -4.68, 0.07, 0.04, -4.83],
    "information": None,
}

VARIABLE: Example = {"name": "death", "kind": "variable"}
RESPONSE: Example = {"kind": "numeric", "expression": VARIABLE}
INTERCEPT: Example = {"name": "(Intercept)", "factors": []}
LEVEL: Example = {"name": "treatmentnew", "factors": [{"variable": "treatment", "level": "new", "kind": "level"}]}
LOG_EXPOSURE: Example = {"function": "log", "argument": {"name": "years", "kind": "variable"}, "kind": "call"}
NESTED: list[Example] = [
    {"group": group, "columns": [INTERCEPT], "correlated": True, "sd": None} for group in ("site", "clinic")
]

SPECIFICATION: Example = {
    "protocol_version": 3,
    "formula": "death ~ treatment + (1 | site)",
    "family": "binomial",
    "link": "logit",
    "response": RESPONSE,
    "fixed": [INTERCEPT, LEVEL],
    "offset": None,
    "weights": None,
    "random": NESTED[:1],
    "quadrature_points": 1,
    "reml": False,
    "masked": False,
    "roster": ["North", "South"],
    "dictionary_sha256": "b5b3fafc0d1d3e1f1c2a4d0e5b7f9a8c6d4e2f1a3b5c7d9e0f1a2b3c4d5e6f70",
    "tolerance": 1e-16,
    "max_rounds": 50,
    "confidence_level": 0.95,
    "title": "",
}
ABOUT: Example = {
    "site": "North",
    "version": "0.1.0",
    "protocol_min": 3,
    "protocol_max": 3,
    "fingerprint": FINGERPRINT,
    "policy": "default",
}
PREPARE_REQUEST: Example = {"specification": SPECIFICATION}
ACCEPTED: Example = {
    "status": "accepted",
    "specification_sha256": SPECIFICATION_SHA256,
    "fingerprint": FINGERPRINT,
    "counts": {"rows": 40, "rows_dropped": 0, "groups": {"site": 1}},
    "join": None,
}
PROBLEM: Example = {
    "status": "refused",
    "code": "too_few_rows",
    "message": "the site has too few rows for this model.",
    "where": "the site's policy",
    "remedy": "Leave this site out of the roster, or use fewer variables that it has not filled in.",
    "rule": "G5",
}
START_REQUEST: Example = {"kind": "start", "round": 0, "specification_sha256": SPECIFICATION_SHA256, "joins": []}
EVALUATE_REQUEST: Example = {
    "kind": "evaluate",
    "round": 2,
    "specification_sha256": SPECIFICATION_SHA256,
    "psi": PSI,
    "basis": [1.0],
    "quadrature_points": 1,
    "previous": CONTRIBUTION,
    "proof": None,
}
START_REPLY: Example = {
    "kind": "start",
    "round": 0,
    "start": {
        "quadratics": [CONTRIBUTION],
        "totals": [40.0, 1.0, 40.0, 0.0, 0.0, 0.0, 40.0],
        "at_default": 0,
        "counts": None,
    },
}
EVALUATE_REPLY: Example = {"kind": "evaluate", "round": 2, "contribution": CONTRIBUTION}
CLOSE_REQUEST: Example = {"outcome": "converged", "psi": PSI, "basis": [1.0], "proof": None}
CLOSE_REPLY: Example = {"site_effect": {"modes": [0.11], "standard_deviations": [0.16]}, "signature": None}
DICTIONARY: Example = {
    "variables": [
        {"name": "death", "type": "integer", "range": [0, 1], "description": "within 30 days of admission"},
        {"name": "treatment", "type": "factor", "levels": ["old", "new"], "reference": "old"},
    ]
}
ANALYSIS_REQUEST: Example = {"formula": "death ~ treatment + (1 | site)", "family": "binomial"}
