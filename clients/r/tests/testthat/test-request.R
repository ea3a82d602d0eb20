nobody <- function() fed_coordinator("http://127.0.0.1:9", key = "")

test_that("numbers are written so that they are read as the same doubles", {
  sent <- list(tolerance = 1 / 3e16, confidence_level = 0.1 + 0.2, max_rounds = 100, title = "a \"b\"", reml = TRUE)
  expect_identical(fedglmm:::parsed(fedglmm:::json_of(sent))[-3], sent[-3])
  expect_match(fedglmm:::json_of(sent["max_rounds"]), '"max_rounds":100}', fixed = TRUE)
})

test_that("jsonlite reads numbers to the nearest double", {
  values <- c(1 / 3, pi * 1e300, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, exp(1) * 1e-30)
  text <- paste0("[", paste(sprintf("%.17g", values), collapse = ","), "]")
  expect_identical(fedglmm:::numbers(fedglmm:::parsed(text)), values)
})

test_that("one site is a list of sites", {
  expect_identical(as.character(fedglmm:::json_of(list(sites = list("North")))), '{"sites":["North"]}')
})

test_that("rows and other arguments of lme4 are told and never sent", {
  rows <- data.frame(y = 1, x = 2)
  expect_error(fed_glmer(y ~ x, binomial, nobody(), data = rows), "rows are at the sites", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, rows, nobody()), "no family", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, nobody(), offset = rows$x), "into the formula", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, nobody(), weights = rows$x), "by name", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, nobody(), sites = rows), "by name", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, nobody(), nAGQ = c(1, 2)), "single value", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, nobody(), tolerance = Inf), "single value", class = "fedglmm_request")
  expect_error(fed_glmer(y ~ x, binomial, rows), "no coordinator", class = "fedglmm_settings")
})

test_that("what the coordinator says of a field is said of the argument", {
  told <- function(where, remedy = "") {
    fedglmm:::of_argument(fedglmm:::fault_of(422L, problem("request", where, remedy = remedy), "http://127.0.0.1:9"))
  }
  for (pair in list(c("body.quadrature_points", "nAGQ"), c("reml", "REML"), c("body.tolerance", "tolerance"))) {
    fault <- told(pair[1], "/docs describes every field.")
    expect_s3_class(fault, c("fedglmm_request", "fedglmm_error"), exact = FALSE)
    expect_identical(conditionMessage(fault), paste0(pair[2], ": no. `?fed_glmer` describes every argument."))
  }
  expect_identical(told("character 9, `+`")$where, "character 9, `+`")
})

test_that("weights are a name, as text or after a tilde", {
  expect_identical(fedglmm:::variable_name(~size), "size")
  expect_identical(fedglmm:::variable_name("size"), "size")
})

test_that("nobody at the address is told with the address", {
  fault <- expect_error(fed_glmer(y ~ x, binomial, nobody()), class = "fedglmm_unreachable")
  expect_identical(fault$where, "http://127.0.0.1:9")
})
