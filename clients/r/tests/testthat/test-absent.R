test_that("what needs the rows says that they never leave the sites, and what there is instead", {
  fit <- recorded("contraception")
  for (ask in list(residuals, fitted, predict, simulate, model.frame, model.matrix)) {
    fault <- expect_error(ask(fit), "rows never leave the sites", class = "fedglmm_needs_rows")
    expect_s3_class(fault, "fedglmm_request")
    expect_match(fault$remedy, "[a-z]+\\(.*\\)")
  }
})

test_that("a fit is not fitted again", {
  fit <- recorded("contraception")
  for (ask in list(update, drop1, add1)) expect_error(ask(fit), "fed_glmer", class = "fedglmm_not_fitted_again")
  expect_error(update(fit, . ~ . - age), class = "fedglmm_not_fitted_again")
  expect_error(drop1(fit, ~age, test = "Chisq"), class = "fedglmm_not_fitted_again")
  expect_error(predict(fit, newdata = data.frame(age = 1)), class = "fedglmm_needs_rows")
})

test_that("the remedy of an update is a formula that R makes", {
  fit <- recorded("contraception")
  expect_equal(update(formula(fit), . ~ . - urban), use ~ age + I(age^2) + livch + (1 + age || district), ignore_attr = TRUE)
})
