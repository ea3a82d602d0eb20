test_that("a summary is the recorded text: families, REML, blocks, quadrature, warnings first", {
  for (name in c("beta-blockers", "sleepstudy", "contraception", "machines", "epilepsy", "no-random-term", "known-sd")) {
    expect_identical(printed(recorded(name)), readLines(test_path("results", paste0(name, ".txt"))), info = name)
  }
})

test_that("its coefficients are the numbers of the result", {
  fit <- recorded("beta-blockers")
  fixed <- as.data.frame(fit, effects = "fixed")
  matrix <- coef(summary(fit))
  expect_identical(colnames(matrix), c("Estimate", "Std. Error", "z value", "Pr(>|z|)"))
  expect_identical(unname(matrix), unname(as.matrix(fixed[c("estimate", "std.error", "statistic", "p.value")])))
})

test_that("a single fixed effect, and a zero that is negative, print", {
  fit <- recorded("no-random-term")
  fit$result$vcov <- list(names = list("(Intercept)"), matrix = list(list(0.1)))
  fit$result$tidy <- fit$result$tidy[1]
  expect_false(any(grepl("Correlation", printed(fit))))
  expect_identical(fedglmm:::fixed_digits(c(-0.001, 0.126, NA), 2), c("0.00", "0.13", ""))
})
