# Two fits that differ as they are said to, made of a recorded one; live ones are compared in tests/e2e/test_r_client.py.

smaller <- function(name = "sleepstudy", npar = 1, by = 3) {
  fit <- recorded(name)
  specification <- fit$result$specification
  fit$result$specification$fixed <- specification$fixed[1L]
  glance <- fit$result$glance
  fit$result$glance$npar <- glance$npar - npar
  fit$result$glance$logLik <- glance$logLik - by
  fit$result$glance$deviance <- -2 * fit$result$glance$logLik
  fit
}

refused <- function(small, large) tryCatch(anova(small, large), fedglmm_not_comparable = function(fault) fault)

test_that("the table is lme4's, the smaller model first", {
  skip_if_not_installed("lme4")
  m1 <- recorded("beta-blockers")
  m0 <- smaller("beta-blockers")
  ours <- anova(m1, m0)
  rows <- lme4::sleepstudy
  theirs <- anova(lme4::lmer(Reaction ~ 1 + (1 | Subject), rows, REML = FALSE),
                  lme4::lmer(Reaction ~ Days + (1 | Subject), rows, REML = FALSE))
  expect_identical(names(ours), names(theirs))
  expect_identical(class(ours), class(theirs))
  expect_identical(rownames(ours), c("m0", "m1"))
  expect_identical(is.na(unlist(ours)), is.na(unlist(theirs)), ignore_attr = TRUE)
  expect_identical(ours$Chisq[2L], 2 * (m1$result$glance$logLik - m0$result$glance$logLik))
  expect_identical(ours[["Pr(>Chisq)"]][2L], stats::pchisq(ours$Chisq[2L], 1, lower.tail = FALSE))
  expect_identical(ours$AIC, c(AIC(m0), AIC(m1)))
  expect_match(utils::capture.output(print(ours)), "^m1 +3 ", all = FALSE)
})

test_that("three fits are tested each within the next, and what has no name is numbered", {
  table <- anova(smaller("beta-blockers", 2, 5), recorded("beta-blockers"), smaller("beta-blockers"))
  expect_identical(rownames(table), c("MODEL1", "MODEL3", "MODEL2"))
  expect_equal(table$Chisq, c(NA, 4, 6))
  expect_equal(table$Df, c(NA, 1, 1))
})

test_that("a variance less is a smaller model, and the boundary is minded", {
  m1 <- recorded("beta-blockers")
  m0 <- m1
  m0$result$specification$random <- list()
  m0$result$glance$npar <- 2
  expect_match(attr(anova(m0, m1), "heading"), "too large", all = FALSE)
  expect_false(any(grepl("too large", attr(anova(smaller("beta-blockers"), m1), "heading"))))
})

test_that("restricted likelihoods compare only with the same fixed effects", {
  large <- recorded("sleepstudy")
  expect_true(large$result$specification$reml)
  expect_match(conditionMessage(refused(smaller(), large)), "REML = FALSE", fixed = TRUE)
  small <- smaller(npar = 2)
  small$result$specification$fixed <- large$result$specification$fixed
  small$result$specification$random[[1L]]$columns <- small$result$specification$random[[1L]]$columns[1L]
  expect_equal(anova(small, large)$Df, c(NA, 2))
})

test_that("other families, links, rows and sites are refused with the reason", {
  large <- recorded("beta-blockers")
  for (name in c("family", "link", "weights", "response", "quadrature_points")) {
    other <- smaller("beta-blockers")
    other$result$specification[[name]] <- "other"
    fault <- refused(other, large)
    expect_s3_class(fault, c("fedglmm_not_comparable", "fedglmm_request", "fedglmm_error"), exact = FALSE)
    expect_identical(fault$where, "small and large")
    expect_match(fault$what, name)
  }
  for (name in c("site", "fingerprint", "rows")) {
    other <- smaller("beta-blockers")
    other$result$roster[[1L]][[name]] <- "other"
    expect_match(refused(other, large)$what, "not of the same data")
  }
  other <- smaller("beta-blockers")
  other$result$glance$nobs <- 7
  expect_match(refused(other, large)$what, "not of the same data")
})

test_that("a model that is in no other, or has no estimates, is refused", {
  large <- recorded("beta-blockers")
  other <- smaller("beta-blockers")
  other$result$specification$fixed[[1L]]$name <- "x"
  expect_match(refused(other, large)$what, "not within")
  expect_match(refused(large, large)$what, "not within")
  other <- smaller("beta-blockers")
  other$result$specification$random[[1L]]$group <- "ward"
  expect_match(refused(other, large)$what, "not within")
  ended <- suppressWarnings(recorded("separated"))
  expect_match(refused(ended, large)$what, "not both have estimates")
})

test_that("one fit, and what is no fit, are refused", {
  fit <- recorded("beta-blockers")
  expect_error(anova(fit), "two fits or more", class = "fedglmm_request")
  expect_error(anova(fit, smaller("beta-blockers"), refit = FALSE), "no fit", class = "fedglmm_request")
})
