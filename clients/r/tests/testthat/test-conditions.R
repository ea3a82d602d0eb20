URL <- "http://127.0.0.1:8000"
of <- function(status, text) fedglmm:::fault_of(status, text, URL)

test_that("a condition has what, where and remedy, together and apart", {
  fault <- of(422L, problem("formula", "character 9, `+`", "something is missing.", "Write a term."))
  expect_s3_class(fault, c("fedglmm_formula", "fedglmm_request", "fedglmm_error", "error"), exact = FALSE)
  expect_identical(conditionMessage(fault), "character 9, `+`: something is missing. Write a term.")
  expect_identical(unname(unlist(fault[c("code", "what", "where", "remedy")])),
                   c("formula", "something is missing.", "character 9, `+`", "Write a term."))
})

test_that("keys, roles and unknown analyses have classes of their own", {
  unauthorised <- of(401L, problem("unauthorised", "coordinator"))
  expect_s3_class(unauthorised, "fedglmm_unauthorised")
  expect_match(unauthorised$remedy, "FEDGLMM_KEY")
  http <- of(401L, problem("unauthorised", "coordinator", remedy = "Send `Authorization: Bearer KEY`. Ask for a key."))
  expect_match(http$remedy, "^Show a key by .* FEDGLMM_KEY\\. Ask for a key\\.$")
  expect_identical(unauthorised$where, URL)
  expect_s3_class(of(403L, problem("forbidden", "coordinator")), "fedglmm_forbidden")
  expect_s3_class(of(404L, problem("unknown_analysis", "k7")), "fedglmm_unknown_analysis")
  expect_s3_class(of(422L, problem("literal_constant")), c("fedglmm_literal_constant", "fedglmm_request"), exact = FALSE)
})

test_that("what no coordinator answers is told so", {
  for (text in c("<html>", "[]", "", '"no"', "{}", problem("not_found", "coordinator"))) {
    expect_s3_class(of(404L, text), "fedglmm_unexpected_answer")
  }
  expect_s3_class(of(401L, problem("unauthorised", "North")), "fedglmm_unexpected_answer")
  expect_s3_class(of(502L, "<html>"), "fedglmm_unreachable")
})

test_that("an analysis that ended without a result names every culprit", {
  problems <- fedglmm:::parsed(sprintf("[%s,%s]", problem("refused", "North"), problem("refused", "South")))
  fault <- fedglmm:::ending(list(state = "refused", problems = problems))
  expect_s3_class(fault, "fedglmm_refused")
  expect_identical(conditionMessage(fault), "North: no. Do.\nSouth: no. Do.")
  expect_identical(conditionMessage(fedglmm:::ending(list(state = "cancelled", problems = list()))), "the analysis is cancelled.")
})
