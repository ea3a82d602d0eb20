# Which analyses are listed: filters are checked before anything is asked.

# analyses in a list: as many as a coordinator tells at once
NEWEST <- 200L

STATES <- c(
  "submitted", "preparing", "running", "paused", "awaiting_approval", "converged", "boundary", "separated",
  "not_identified", "perfect_fit", "not_finite", "round_limit", "refused", "failed", "cancelled"
)

# The filters that are given, as the coordinator is asked for them; NULL where there are none.
wanted_of <- function(filters) {
  given <- Filter(Negate(is.null), filters)
  if (length(given)) Map(function(value, name) filter_of(name, value), given, names(given))
}

filter_of <- function(name, value) {
  if (name %in% c("since", "until")) return(day_of(name, value))
  if (!is_text(value)) wrong_request("a filter is one text.", name, "Leave it out where it does not matter.")
  if (nchar(value) > 300L || grepl("[[:cntrl:]]", value)) {
    wrong_request("this cannot be looked for.", name, "Write 1 to 300 characters, on one line.")
  }
  if (name == "state" && !value %in% STATES) {
    wrong_request("there is no such state.", name, paste0("The states are: ", paste(STATES, collapse = ", "), "."))
  }
  value
}

day_of <- function(name, value) {
  text <- if (inherits(value, "Date") && length(value) == 1L) format(value, "%Y-%m-%d") else value
  if (!is_text(text) || !grepl("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", text) || is.na(as.Date(text, "%Y-%m-%d"))) {
    wrong_request("this is no day.", name, "Write it as \"2026-01-31\", or give a Date.")
  }
  text
}
