nobody <- function() fed_coordinator("http://127.0.0.1:9", key = "")

test_that("a filter that cannot be is refused by its name before anybody is asked", {
  refused <- function(where, said, ...) {
    fault <- expect_error(fed_analyses(nobody(), ...), said, class = "fedglmm_request")
    expect_identical(fault$where, where)
  }
  refused("state", "The states are: submitted, preparing, ", state = "done")
  refused("who", "one text", who = "")
  refused("who", "one text", who = c("anna", "rolf"))
  refused("formula", "one text", formula = y ~ x)
  refused("formula", "on one line", formula = "x +\ny")
  refused("who", "1 to 300 characters", who = strrep("x", 301))
  for (day in list("today", "2026-02-30", "31.1.2026", "2026-1-31", 20260131, as.Date(NA), as.Date(c(0, 1), "1970-01-01"))) {
    refused("since", "Write it as \"2026-01-31\"", since = day)
    refused("until", "Write it as \"2026-01-31\"", until = day)
  }
})

test_that("what is given is asked for, and nothing else", {
  none <- list(state = NULL, who = NULL, formula = NULL, since = NULL, until = NULL)
  expect_null(fedglmm:::wanted_of(none))
  given <- list(state = "refused", who = NULL, formula = "x +", since = as.Date("2026-01-31"), until = "2026-02-01")
  wanted <- list(state = "refused", formula = "x +", since = "2026-01-31", until = "2026-02-01")
  expect_identical(fedglmm:::wanted_of(given), wanted)
})
