drawn <- function(...) {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  before <- graphics::par("mar", "mfrow")
  numbers <- plot(...)
  expect_identical(graphics::par("mar", "mfrow"), before)
  numbers
}

test_that("a forest plot draws the estimates with their intervals, or the ratios", {
  fit <- recorded("contraception")
  fixed <- as.data.frame(fit, effects = "fixed")
  columns <- c("term", "estimate", "conf.low", "conf.high")
  expect_identical(drawn(fit, intercept = TRUE), fixed[columns])
  ratios <- drawn(fit, "forest", exponentiate = TRUE)
  expect_identical(ratios$estimate, exp(fixed$estimate[-1]))
  expect_identical(ratios$term, fixed$term[-1])
})

test_that("a ratio is called by its family and link, and what is none by its formula", {
  name <- function(fit, exponentiate = TRUE) fedglmm:::scale_name(fit, exponentiate)
  expect_identical(name(recorded("contraception")), "Odds ratio")
  expect_identical(name(recorded("contraception"), FALSE), "estimate")
  expect_identical(name(recorded("epilepsy")), "Rate ratio")
  expect_identical(name(recorded("sleepstudy")), "exp(estimate)")
  alone <- recorded("contraception")
  alone$result$tidy <- alone$result$tidy[1]
  expect_identical(name(alone), "exp(estimate)")
})

test_that("a caterpillar plot draws every released effect, in ascending order by term", {
  numbers <- drawn(recorded("sleepstudy"), "caterpillar")
  expect_identical(nrow(numbers), 36L)
  expect_false(is.unsorted(numbers$estimate[numbers$term == "Days"]))
  expect_error(drawn(recorded("contraception"), "caterpillar"), class = "fedglmm_not_released")
})

test_that("convergence and correlations draw the trace and vcov", {
  fit <- recorded("sleepstudy")
  numbers <- drawn(fit, "convergence")
  expect_identical(utils::tail(numbers$logLik, 1), as.numeric(logLik(fit)))
  expect_identical(drawn(fit, "correlation"), stats::cov2cor(vcov(fit)))
})

test_that("an ending without estimates draws its rounds and nothing else", {
  fit <- suppressWarnings(recorded("separated"))
  expect_error(drawn(fit), class = "fedglmm_no_estimates")
  expect_identical(nrow(drawn(fit, "convergence")), length(fit$result$convergence$trace))
})
