# What went wrong, as R conditions: a program tells them apart by class and finds what, where and remedy in fields.

#' What can go wrong
#'
#' Every fault that this package or a coordinator knows is an R condition of class `fedglmm_error`. Its message says
#' where, what and what to do; the fields `code`, `what`, `where` and `remedy` have the same apart.
#'
#' The first class is `fedglmm_` and the code, so that `tryCatch()` can take one of them:
#'
#' * `fedglmm_unauthorised`, `fedglmm_forbidden`: the key is missing or wrong; its role does not suffice.
#' * `fedglmm_formula`, `fedglmm_request` and codes of the policy's rules: the request cannot be carried out as it
#'   stands. All of them are of class `fedglmm_request`.
#' * `fedglmm_unknown_analysis`: there is none with this id.
#' * `fedglmm_unreachable`, `fedglmm_unexpected_answer`: nobody answers at the address, or no coordinator.
#' * `fedglmm_refused`, `fedglmm_failed`, `fedglmm_cancelled`: the analysis ended without a result. The field
#'   `problems` has a list with one element for each culprit.
#' * `fedglmm_not_released`: the sites keep this to themselves.
#' * `fedglmm_needs_rows`, `fedglmm_not_fitted_again`, each a `fedglmm_request`: see [fedglmm-absent].
#' * `fedglmm_not_comparable`, a `fedglmm_request`: two fits have no likelihood-ratio test, see [anova.fedglmm()].
#'
#' A fit that ended without estimates, such as `separated`, is a result. [fed_glmer()] gives it with a warning of class
#' `fedglmm_no_estimates`.
#'
#' @name fedglmm-conditions
#' @examples
#' tryCatch(fed_coordinator("localhost"), fedglmm_error = function(fault) fault$remedy)
NULL

fault <- function(code, what, where = "", remedy = "", kind = character(), ...) {
  place <- if (nzchar(where)) paste0(where, ": ") else ""
  advice <- if (nzchar(remedy)) paste0(" ", remedy) else ""
  fields <- list(
    message = paste0(place, what, advice), call = NULL,
    code = code, what = what, where = where, remedy = remedy, ...
  )
  structure(fields, class = unique(c(paste0("fedglmm_", c(code, kind)), "fedglmm_error", "error", "condition")))
}

fail <- function(...) stop(fault(...))

wrong_request <- function(what, where, remedy) fail("request", what, where, remedy)

unreachable <- function(reason, url) {
  fault("unreachable", sprintf("the coordinator cannot be reached (%s).", reason), url,
        "Is it running, and is this its address?")
}

no_coordinator <- function(status, url) {
  fault("unexpected_answer", sprintf("something answers there (%d), but it is no coordinator.", status), url,
        "Give the coordinator's own address and port, and leave off any path.")
}

# The fault that an answer stands for: a Problem, or what nobody of this project says.
fault_of <- function(status, text, url) {
  if (status %in% c(502L, 503L, 504L)) return(unreachable(sprintf("it answers %d", status), url))
  problem <- tryCatch(parsed(text), error = function(error) NULL)
  if (!is.list(problem) || !all(c("code", "message") %in% names(problem))) return(no_coordinator(status, url))
  if (status %in% c(401L, 404L) && problem$code %in% c("unauthorised", "not_found")) {
    if (status == 404L || !identical(problem$where, "coordinator")) return(no_coordinator(status, url))
    problem$where <- url
    advice <- sub("Send `Authorization: Bearer KEY`.", "", text_of(problem$remedy), fixed = TRUE) # for who speaks HTTP
    problem$remedy <- paste("Show a key by `fed_coordinator(url, key)`, or keep it in FEDGLMM_KEY.", trimws(advice))
  }
  kind <- if (status %in% c(409L, 422L)) "request" else character()
  fault(problem$code, problem$message, text_of(problem$where), trimws(text_of(problem$remedy)), kind)
}

# The fault that an ending without a result stands for.
ending <- function(analysis) {
  told <- vapply(analysis$problems, in_one_line, "")
  what <- if (length(told)) paste(told, collapse = "\n") else sprintf("the analysis is %s.", analysis$state)
  fault(analysis$state, what, problems = analysis$problems)
}

in_one_line <- function(problem) {
  trimws(paste0(text_of(problem$where), ": ", problem$message, " ", text_of(problem$remedy)))
}

text_of <- function(value) if (is.null(value)) "" else value
