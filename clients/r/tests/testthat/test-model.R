text_of_model <- function(formula) fedglmm:::formula_text(formula)
told <- function(family) fedglmm:::family_and_link(family)

test_that("a formula is sent as text on one line, however long it is", {
  names <- sprintf("a_variable_with_quite_a_long_name_%02d", 1:40)
  formula <- stats::reformulate(c(names, "(1 | site)"), "death")
  text <- text_of_model(formula)
  expect_length(text, 1L)
  expect_false(grepl("\n", text))
  expect_identical(text, paste("death ~", paste(c(names, "(1 | site)"), collapse = " + ")))
})

test_that("strings, offsets, bars and odd names come through", {
  expect_identical(
    text_of_model(cbind(d, n - d) ~ stage == "III" + offset(log(time)) + (1 + x || site / clinic)),
    'cbind(d, n - d) ~ stage == "III" + offset(log(time)) + (1 + x || site/clinic)'
  )
  expect_identical(text_of_model(y ~ ns(age, df = 3L)), "y ~ ns(age, df = 3)")
  expect_identical(text_of_model("y ~ x"), "y ~ x")
})

test_that("a constant loses no bit, and one of few digits stays short", {
  expect_identical(text_of_model(y ~ I(x / 0.1)), "y ~ I(x/0.1)")
  formula <- stats::as.formula(paste0("y ~ I(x/", sprintf("%.17g", 1 / 3), ")"))
  sent <- str2lang(text_of_model(formula))
  expect_identical(sent[[3]][[2]][[3]], 1 / 3)
})

test_that("what is no formula is told", {
  expect_error(text_of_model(3), class = "fedglmm_request")
})

test_that("families are taken in all of lme4's forms", {
  probit <- list(family = "binomial", link = "probit")
  for (form in list(binomial, binomial(), "binomial")) expect_identical(told(form)$link, "logit")
  expect_identical(told(binomial(link = "probit")), probit)
  expect_identical(told("poisson"), list(family = "poisson", link = "log"))
  expect_identical(told(Gamma(link = "log")), list(family = "Gamma", link = "log"))
  expect_identical(told(Gamma)$link, "inverse")
  expect_identical(told("Gamma")$link, "inverse")
  for (name in c("negative.binomial", "negative_binomial")) expect_identical(told(name), list(family = "negative_binomial"))
  expect_identical(told("nbinom2"), list(family = "nbinom2"))
})

test_that("a family that is none, and one with a size that would be ignored, are told", {
  expect_error(told(3), class = "fedglmm_request")
  fixed <- structure(list(family = "Negative Binomial(2)", link = "log"), class = "family")
  expect_error(told(fixed), "estimated", class = "fedglmm_request")
})
