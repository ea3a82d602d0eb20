NAMES <- c("beta-blockers", "sleepstudy", "contraception", "machines", "epilepsy", "no-random-term", "known-sd")

test_that("every number is the one in the file, to the last bit", {
  expected <- utils::read.csv(test_path("results", "beta-blockers.hex"), colClasses = "character")
  fit <- recorded("beta-blockers")
  table <- as.data.frame(fit)
  for (column in names(expected)) {
    own <- sprintf("%a", table[[column]])
    own[is.na(table[[column]])] <- ""
    expect_identical(own, expected[[column]], info = column)
  }
  expect_identical(unname(fixef(fit)), table$estimate[table$effect == "fixed"])
  expect_identical(unname(confint(fit)), unname(as.matrix(table[1:2, c("conf.low", "conf.high")])), ignore_attr = TRUE)
})

test_that("what stats computes of the log-likelihood is what the coordinator says", {
  for (name in NAMES) {
    fit <- recorded(name)
    glance <- fit$result$glance
    expect_identical(c(AIC(fit), BIC(fit), deviance(fit)), c(glance$AIC, glance$BIC, glance$deviance), info = name)
    expect_identical(attributes(logLik(fit))$df, glance$npar)
    expect_identical(c(nobs(fit), df.residual(fit)), c(glance$nobs, glance$df.residual))
  }
})

test_that("standard errors are the roots of vcov's diagonal, and intervals follow any level", {
  for (name in NAMES) {
    fit <- recorded(name)
    fixed <- as.data.frame(fit, effects = "fixed")
    expect_equal(unname(sqrt(diag(vcov(fit)))), fixed$std.error, tolerance = 1e-14)
    expect_identical(dimnames(vcov(fit)), list(names(fixef(fit)), names(fixef(fit))))
    reach <- stats::qnorm(0.95) * fixed$std.error
    expect_equal(confint(fit, level = 0.9), cbind("5 %" = fixef(fit) - reach, "95 %" = fixef(fit) + reach), tolerance = 1e-12)
  }
  expect_identical(rownames(confint(recorded("sleepstudy"), "Days")), "Days")
  expect_equal(nrow(vcov(recorded("sleepstudy"), full = TRUE)), 6L)
})

test_that("a fit survives saveRDS and its own file, bit by bit", {
  for (name in c(NAMES, "separated")) {
    fit <- suppressWarnings(recorded(name))
    file <- tempfile()
    saveRDS(fit, file)
    expect_identical(readRDS(file), fit)
    written <- fed_write(fit, tempfile(fileext = ".json"))
    expect_identical(suppressWarnings(fed_read(written)), fit)
  }
  expect_error(fed_write(fit, written), "already", class = "fedglmm_settings")
  expect_error(fed_read(file), "no result", class = "fedglmm_settings")
  expect_error(fed_read(tempfile()), "no such file.*fedglmm export", class = "fedglmm_settings")
  expect_error(fed_read(7), "no name of a file", class = "fedglmm_settings")
  expect_error(fed_write(1, tempfile()), "fit: this is no fit", class = "fedglmm_settings")
  expect_error(fed_write(fit, 1), "no name of a file", class = "fedglmm_settings")
})

test_that("an ending without estimates is a result with a warning, and shows none", {
  expect_warning(fit <- recorded("separated"), class = "fedglmm_no_estimates")
  expect_false(any(grepl("Fixed", utils::capture.output(print(fit)))))
  expect_match(utils::capture.output(print(fit)), "^separated after 7 rounds", all = FALSE)
})

test_that("formula and family are R's", {
  fit <- recorded("beta-blockers")
  expect_equal(formula(fit), death ~ treatment + (1 | site), ignore_attr = TRUE)
  expect_identical(family(fit)[c("family", "link")], stats::binomial()[c("family", "link")])
  family <- family(recorded("epilepsy"))
  size <- recorded("epilepsy")$result$glance$dispersion$value
  expect_identical(family$variance(2), 2 + 4 / size)
  expect_identical(family$linkinv(0), 1)
  expect_identical(sigma(recorded("epilepsy")), 1)
  expect_identical(sigma(recorded("sleepstudy")), recorded("sleepstudy")$result$glance$sigma)
})

test_that("tables are broom's", {
  fit <- recorded("sleepstudy")
  expect_identical(generics::tidy(fit), as.data.frame(fit))
  expect_identical(unique(generics::tidy(fit, "ran_pars")$effect), "ran_pars")
  glance <- generics::glance(fit)
  expect_identical(glance$logLik, as.numeric(logLik(fit)))
  expect_identical(glance$outcome, "converged")
  odds <- generics::tidy(recorded("beta-blockers"), "fixed", exponentiate = TRUE)
  log_odds <- generics::tidy(recorded("beta-blockers"), "fixed")
  expect_identical(odds$conf.low, exp(log_odds$conf.low))
  expect_identical(odds$std.error, log_odds$std.error * exp(log_odds$estimate))
  expect_identical(odds$statistic, log_odds$statistic)
})
