view <- function(state) list(state = state, waiting_for = list(), links = list(result = if (state == "converged") "there"))

event <- function(id, kind, data) {
  charToRaw(sprintf("id: %d\nevent: %s\ndata: %s\n\n", id, kind, jsonlite::toJSON(data, auto_unbox = TRUE, null = "null")))
}

GONE <- fedglmm:::unreachable("gone", "http://127.0.0.1:8000")

# What is told when looks and connections go as they are listed, one after the other; a condition among them is one that breaks.
followed <- function(looks, connections, patience = 60) {
  heard <- list(asked = character(), rounds = numeric(), notices = character())
  look <- function() {
    does <- looks[[1L]]
    looks <<- looks[-1L]
    if (inherits(does, "condition")) stop(does)
    view(does)
  }
  listen <- function(last, take) {
    heard$asked <<- c(heard$asked, last)
    does <- connections[[1L]]
    connections <<- connections[-1L]
    for (one in does) if (inherits(one, "condition")) stop(one) else take(one)
  }
  told <- function(analysis, round = NULL, notice = NULL) {
    heard$rounds <<- c(heard$rounds, round$round)
    heard$notices <<- c(heard$notices, notice)
  }
  heard$analysis <- fedglmm:::follow(look, listen, told, patience, pause = 0)
  heard
}

test_that("a connection that broke, or ended by its minute, is taken up after the last event, without a word", {
  first <- list(event(1, "state", view("running")), event(2, "round", list(round = 1)), GONE)
  second <- list(event(3, "round", list(round = 2)), event(4, "state", view("converged")))
  heard <- followed(list("submitted", "running"), list(first, second))
  expect_identical(heard$asked, c("", "2"))
  expect_equal(heard$rounds, 1:2)
  expect_identical(heard$analysis$state, "converged")
  expect_identical(heard$notices, character())
})

test_that("a coordinator that is away for a while is waited for, and both are told once", {
  heard <- followed(list("submitted", GONE, GONE, "running"), list(list(GONE), list(event(1, "state", view("converged")))))
  expect_identical(heard$notices, c("The connection to the coordinator broke. Trying again for 60 s.", "The coordinator answers again."))
})

test_that("one that stays away is not waited for for ever, and one that never answered not at all", {
  expect_error(followed(list("submitted", GONE), list(list(GONE)), patience = 0), class = "fedglmm_unreachable")
  expect_error(followed(list(GONE), list()), class = "fedglmm_unreachable")
})

test_that("an analysis that ended while nobody listened, or was deleted, is noticed", {
  expect_identical(followed(list("submitted", "refused"), list(list(GONE), list()))$analysis$state, "refused")
  deleted <- fedglmm:::fault("unknown_analysis", "there is none.")
  expect_error(followed(list("submitted", deleted), list(list(GONE))), class = "fedglmm_unknown_analysis")
})
