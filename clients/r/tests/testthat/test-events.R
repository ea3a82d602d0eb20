STREAM <- "retry: 1000\n\n: ping\n\nevent: state\ndata: {\"title\":\"\u00e9\"}\nid: 1\n\nevent: round\ndata: {\"a\":\ndata: 1}\nid: 2\n\nevent: round\ndata: 3\n"

events_in <- function(pieces) {
  found <- list()
  reader <- fedglmm:::event_reader(function(id, kind, data) found <<- c(found, list(c(id, kind, data))))
  for (piece in pieces) reader(piece)
  found
}

test_that("events are the same however the bytes are cut, and one that breaks off is none", {
  bytes <- charToRaw(enc2utf8(STREAM))
  whole <- list(c("1", "state", "{\"title\":\"\u00e9\"}"), c("2", "round", "{\"a\":\n1}"))
  expect_identical(events_in(list(bytes)), whole)
  expect_identical(events_in(as.list(bytes)), whole)
  expect_identical(events_in(list(charToRaw(enc2utf8(gsub("\n", "\r\n", STREAM))))), whole)
})

test_that("rounds are told in a table, and each waiting in words", {
  told <- fedglmm:::teller()
  analysis <- list(state = "running", waiting_for = list())
  round <- list(round = 1L, log_likelihood = -46.25, decrement = 0.11, accepted = FALSE, seconds = 0.021)
  expect_message(expect_message(told(analysis, round), "round   log-likelihood"), "1 +-46.250000 +1.1e-01 +0.021   not taken")
  expect_message(told(analysis, utils::modifyList(round, list(log_likelihood = -1e100, accepted = TRUE))), "1 +not finite .*0.021\n")
  paused <- list(state = "paused", waiting_for = list("North", "South"), since = "noon")
  expect_message(told(paused), "Waiting for North, South since noon.")
  expect_message(told(list(state = "awaiting_approval", waiting_for = list("North"))), "A person at North")
})
