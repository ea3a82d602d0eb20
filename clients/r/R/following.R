# Following an analysis by its events, over connections that break.

PATIENCE <- 60
PAUSE <- 1
WORTHLESS <- -1e100 # what the protocol has where the log-likelihood is not finite

#' Analyses that are there already
#'
#' `fed_watch()` follows an analysis to its end and gives the fit: for one that somebody else submitted, or that you
#' stopped watching. `fed_result()` asks once and does not wait. `fed_cancel()` ends one that is under way; it never
#' deletes a result.
#'
#' `fed_watch()` goes on over connections that break and coordinators that restart; one that has answered before is waited
#' for a minute.
#'
#' @param coordinator from [fed_coordinator()].
#' @param id the analysis.
#' @param progress whether to show the rounds, as messages.
#' @return `fed_watch()` and `fed_result()` give a fit (see [fedglmm-methods]), `fed_cancel()` the analysis as it then
#'   stands, a list, invisibly.
#' @section Conditions: see [fedglmm-conditions].
#' @examples
#' \dontrun{
#' coordinator <- fed_coordinator("http://127.0.0.1:8000")
#' fit <- fed_watch(coordinator, fed_analyses(coordinator)$id[1])
#' }
#' @export
fed_watch <- function(coordinator, id, progress = interactive()) {
  check_coordinator(coordinator)
  look <- function() asked(coordinator, "GET", place(id))
  listen <- function(last, take) {
    stream(coordinator, place(id, "/events"), if (nzchar(last)) c("Last-Event-ID" = last), take)
  }
  analysis <- withCallingHandlers(
    follow(look, listen, if (progress) teller() else function(...) NULL),
    interrupt = function(condition) {
      message(sprintf("No longer watching: analysis %s goes on.\n  fed_watch(coordinator, \"%s\") shows it", id, id),
              sprintf("\n  fed_cancel(coordinator, \"%s\") ends it", id))
    }
  )
  if (is.null(analysis$links$result)) stop(ending(analysis))
  fed_result(coordinator, id)
}

#' @rdname fed_watch
#' @export
fed_result <- function(coordinator, id) {
  check_coordinator(coordinator)
  warned(fit_of(ask(coordinator, "GET", place(id, "/result")), id))
}

#' @rdname fed_watch
#' @export
fed_cancel <- function(coordinator, id) {
  check_coordinator(coordinator)
  analysis <- asked(coordinator, "DELETE", place(id), query = list(only = "cancel"))
  if (analysis$state != "cancelled") { # its ending came first
    fail("ended", sprintf("it has ended already: it is %s.", analysis$state), id, "Nothing was changed.", "request")
  }
  invisible(analysis)
}

# The analysis at its end. `look()` gives it as it stands, `listen(last, take)` the bytes of its events after the last that was
# read. It is looked at before every connection, and with patience: a stream that cannot be had is only less to tell.
follow <- function(look, listen, told, patience = PATIENCE, pause = PAUSE) {
  analysis <- look()
  last <- ""
  repeat {
    reader <- event_reader(function(event, kind, data) {
      last <<- event
      if (kind == "state") analysis <<- parsed(data)
      told(analysis, if (kind == "round") parsed(data))
    })
    tryCatch(listen(last, reader), fedglmm_unreachable = function(fault) NULL)
    if (has_ended(analysis)) return(analysis)
    Sys.sleep(pause)
    analysis <- looked_at_again(look, told, patience, pause)
  }
}

looked_at_again <- function(look, told, patience, pause) {
  since <- proc.time()[["elapsed"]]
  lost <- FALSE
  repeat {
    analysis <- tryCatch(look(), fedglmm_unreachable = identity)
    if (!inherits(analysis, "fedglmm_unreachable")) {
      if (lost) told(analysis, notice = "The coordinator answers again.")
      return(analysis)
    }
    if (proc.time()[["elapsed"]] - since >= patience) stop(analysis)
    if (!lost) told(NULL, notice = sprintf("The connection to the coordinator broke. Trying again for %.0f s.", patience))
    lost <- TRUE
    Sys.sleep(pause)
  }
}

has_ended <- function(analysis) {
  !is.null(analysis$links$result) || analysis$state %in% c("refused", "failed", "cancelled")
}

# A table of the rounds as they come, a message a line.
teller <- function() {
  headed <- FALSE
  function(analysis, round = NULL, notice = NULL) {
    if (!is.null(notice)) return(message(notice))
    waiting <- paste(texts(analysis$waiting_for), collapse = ", ")
    if (!is.null(round)) {
      if (!headed) message(" round   log-likelihood   decrement   seconds")
      headed <<- TRUE
      message(round_line(round))
    } else if (analysis$state == "awaiting_approval") {
      message(sprintf("A person at %s has to approve it.", waiting))
    } else if (analysis$state == "paused") {
      message(sprintf("Waiting for %s since %s.", waiting, analysis$since))
    }
  }
}

round_line <- function(round) {
  decrement <- if (is.null(round$decrement)) "" else sprintf("%.1e", round$decrement)
  kept <- if (round$accepted) "" else "   not taken: a shorter step follows"
  value <- if (round$log_likelihood <= WORTHLESS) "not finite" else sprintf("%.6f", round$log_likelihood)
  sprintf("%6d %16s %11s %9.3f%s", as.integer(round$round), value, decrement, round$seconds, kept)
}
