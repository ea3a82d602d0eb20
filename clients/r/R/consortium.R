#' What a coordinator has
#'
#' The newest 200 analyses, the sites as they answer right now, and the variables of the consortium. With filters the
#' analyses are the newest for which all that is given is so.
#'
#' @param coordinator from [fed_coordinator()]; unless given, what the environment variables name.
#' @param state in which they are, such as `"converged"`.
#' @param who whose they are, by the whole name.
#' @param formula a part of the formula, in small or capital letters.
#' @param since,until the first and the last day (UTC) of their submission, a `Date` or a text such as `"2026-01-31"`.
#' @return a data frame with a row for each. `levels` of a dictionary is a list of texts in coding order, the reference
#'   first.
#' @section Conditions: see [fedglmm-conditions].
#' @examples
#' \dontrun{
#' coordinator <- fed_coordinator("http://127.0.0.1:8000")
#' fed_dictionary(coordinator)
#' fed_analyses(coordinator, state = "converged", since = Sys.Date() - 7)
#' }
#' @export
fed_analyses <- function(coordinator = fed_coordinator(), state = NULL, who = NULL, formula = NULL, since = NULL,
                         until = NULL) {
  check_coordinator(coordinator)
  wanted <- wanted_of(list(state = state, who = who, formula = formula, since = since, until = until))
  rows <- asked(coordinator, "GET", "/analyses", query = c(list(limit = NEWEST), wanted))$analyses
  names <- c("id", "state", "since", "created_at", "owner", "title", "formula", "family")
  data.frame(text_columns(rows, names), round = as.integer(numbers(field(rows, "round"))))
}

#' @rdname fed_analyses
#' @export
fed_sites <- function(coordinator = fed_coordinator()) {
  check_coordinator(coordinator)
  rows <- asked(coordinator, "GET", "/sites")$sites
  problems <- vapply(rows, function(row) if (is.null(row$problem)) NA_character_ else in_one_line(row$problem), "")
  reachable <- vapply(rows, `[[`, NA, "reachable")
  told <- text_columns(rows, c("name", "version", "policy", "fingerprint", "last_seen"))
  data.frame(told["name"], reachable = reachable, told[-1L], problem = problems)
}

#' @rdname fed_analyses
#' @export
fed_dictionary <- function(coordinator = fed_coordinator()) {
  check_coordinator(coordinator)
  rows <- asked(coordinator, "GET", "/dictionary")$variables
  table <- text_columns(rows, c("name", "type", "unit", "coding", "derived", "description"))
  table$levels <- lapply(rows, function(row) {
    levels <- texts(row$levels)
    unique(c(row$reference, levels))
  })
  table
}

text_columns <- function(rows, names) {
  columns <- lapply(stats::setNames(names, names), function(name) texts(field(rows, name)))
  data.frame(columns, stringsAsFactors = FALSE, check.names = FALSE)
}
