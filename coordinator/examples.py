"""Examples of what the analyst's interface answers, as its description shows them: plain values, of one analysis."""

from shared.examples import Example

ANALYSIS: Example = {
    "id": "chj6rmya5wn4",
    "state": "running",
    "since": "2026-11-22T17:37:44.990+00:00",
    "created_at": "2026-11-22T17:37:44.964+00:00",
    "owner": "anna",
    "title": "",
    "formula": "death ~ treatment + (1 | site)",
    "family": "binomial",
    "roster": ["North", "South"],
    "round": 2,
    "max_rounds": 50,
    "decrement": 0.000045624051911075355,
    "log_likelihood": -46.179858734377774,
    "waiting_for": [],
    "problem": None,
    "problems": [],
    "links": {
        "self": "/v1/analyses/chj6rmya5wn4",
        "rounds": "/v1/analyses/chj6rmya5wn4/rounds",
        "events": "/v1/analyses/chj6rmya5wn4/events",
        "result": None,
    },
}
ANALYSES: Example = {"analyses": [ANALYSIS], "before": "chj6rmya5wn4"}
ROUND: Example = {
    "round": 1,
    "log_likelihood": -46.23792976817627,
    "decrement": 0.11,
    "accepted": True,
    "seconds": 0.02,
}
TRACE: Example = {"rounds": [ROUND]}
SITES: Example = {
    "sites": [
        {
            "name": "North",
            "reachable": True,
            "version": "0.1.0",
            "fingerprint": "4cca98350b1b0c55e0e2a9db2b56f7a7c5e4f3b0a5d8f6ef2b8a2f1de7a4c3d2",
            "policy": "default",
            "last_seen": "2026-11-22T17:37:44.990+00:00",
            "problem": None,
        }
    ]
}
RESULT: Example = {
    "formula": "death ~ treatment + (1 | site)",
    "family": "binomial",
    "link": "logit",
    "tidy": [
        {
            "effect": "fixed",
            "group": None,
            "level": None,
            "term": "treatmentnew",
            "estimate": -0.26091,
            "std.error": 0.0499,
            "statistic": -5.23,
            "p.value": 1.7e-7,
            "conf.low": -0.3587,
            "conf.high": -0.1631,
        }
    ],
    "glance": {"nobs": 20290, "ngrps": {"site": 22}, "logLik": -5987.486, "AIC": 11980.97},
    "convergence": {"outcome": "converged", "rounds": 6},
    "warnings": [],
}
