# The one place that speaks HTTP.

TIMEOUT <- 60
AGENT <- "fedglmm-r"
LONGEST_PROBLEM <- 65536L # bytes of a stream that are kept, in case they are a Problem

# The text that a coordinator answers. Redirects are not followed: the key is for this address and no other.
ask <- function(coordinator, method, path, body = NULL, query = NULL) {
  url <- paste0(coordinator$url, "/v1", path)
  response <- reached(coordinator, httr::VERB(
    method, url, settings(coordinator, if (!is.null(body)) c("Content-Type" = "application/json")),
    body = body, encode = "raw", query = query
  ))
  text <- as_text(httr::content(response, "raw"))
  status <- httr::status_code(response)
  if (status %/% 100L != 2L) stop(fault_of(status, text, coordinator$url))
  text
}

# The same, parsed; something that answers without JSON is no coordinator.
asked <- function(coordinator, method, path, ...) {
  text <- ask(coordinator, method, path, ...)
  tryCatch(parsed(text), error = function(error) stop(no_coordinator(200L, coordinator$url)))
}

# Hands a stream's bytes over as they come. A connection lasts for a minute at the most, so that one that has died is noticed.
stream <- function(coordinator, path, headers, take) {
  url <- paste0(coordinator$url, "/v1", path)
  said <- raw()
  listen <- httr::write_stream(function(bytes) {
    said <<- utils::head(c(said, bytes), LONGEST_PROBLEM)
    tryCatch(take(bytes), error = function(error) {
      fail("unexpected_answer", sprintf("its events cannot be read (%s).", conditionMessage(error)), coordinator$url)
    })
  })
  response <- reached(coordinator, httr::GET(url, settings(coordinator, headers), listen))
  status <- httr::status_code(response)
  if (status != 200L) stop(fault_of(status, as_text(said), coordinator$url))
}

settings <- function(coordinator, headers = NULL) {
  c(
    httr::add_headers(.headers = c(coordinator$headers(), headers)),
    httr::user_agent(AGENT), httr::timeout(TIMEOUT), httr::config(followlocation = 0L)
  )
}

reached <- function(coordinator, request) {
  tryCatch(request, error = function(error) {
    stop(if (inherits(error, "fedglmm_error")) error else unreachable(conditionMessage(error), coordinator$url))
  })
}

as_text <- function(bytes) {
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  text
}

# An analysis's place, whatever its id holds.
place <- function(id, ...) {
  if (!is_text(id)) wrong_request("an analysis has an id.", "id", "`fed_analyses()` has those of the newest.")
  paste0("/analyses/", utils::URLencode(id, reserved = TRUE), ...)
}
