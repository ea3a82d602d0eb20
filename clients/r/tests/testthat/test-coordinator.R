KEY <- "0123456789abcdef"

test_that("an address is checked before anything is asked", {
  expect_error(fed_coordinator("localhost:8000"), "http://", class = "fedglmm_settings")
  expect_error(fed_coordinator("http://127.0.0.1:8000/v1/"), "Leave off /v1", class = "fedglmm_settings")
  expect_identical(fed_coordinator("http://127.0.0.1:8000/")$url, "http://127.0.0.1:8000")
})

test_that("a key that cannot be one is told and not quoted", {
  for (key in c("anna:secret-of-anna", "secret of anna", "secret-\u00e9")) {
    fault <- expect_error(fed_coordinator("http://127.0.0.1:8000", key), class = "fedglmm_settings")
    expect_false(grepl("secret", conditionMessage(fault)))
  }
})

test_that("a key is shown to the coordinator and to nobody else", {
  coordinator <- fed_coordinator("http://127.0.0.1:8000", paste0(KEY, "\n"))
  expect_identical(coordinator$headers(), c(Authorization = paste("Bearer", KEY)))
  shown <- utils::capture.output(print(coordinator), utils::str(coordinator), dput(coordinator))
  expect_false(any(grepl(KEY, shown)))
  expect_match(shown[1], "with a key")
})
