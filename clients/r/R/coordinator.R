#' A coordinator, as an analyst sees it
#'
#' Says where the coordinator is and which key to show. Nothing is asked yet.
#'
#' The key is not printed and is in no fit. But who saves a workspace saves the coordinators in it with their keys: rather
#' keep the key in the environment variable `FEDGLMM_KEY`.
#'
#' @param url its address, such as `"http://127.0.0.1:8000"`; unless given, what `FEDGLMM_COORDINATOR` holds, or else
#'   this one.
#' @param key the analyst's key, where the coordinator asks for one; empty for none.
#' @return an object of class `fed_coordinator`.
#' @seealso [fed_glmer()] asks it for a model, [fed_analyses()] for what there is.
#' @examples
#' fed_coordinator("http://127.0.0.1:8000")
#' @export
fed_coordinator <- function(url = Sys.getenv("FEDGLMM_COORDINATOR", "http://127.0.0.1:8000"),
                            key = Sys.getenv("FEDGLMM_KEY")) {
  if (!is_text(url) || !grepl("^https?://", url)) {
    fail("settings", "the address is not complete.", if (is_text(url)) url else "url", "It begins with http:// or https://.")
  }
  address <- sub("/+$", "", url)
  if (grepl("/v1$", address)) fail("settings", "the address goes too far.", url, "Leave off /v1.")
  shown <- bearer(key)
  structure(list(url = address, headers = function() shown), class = "fed_coordinator")
}

#' @export
print.fed_coordinator <- function(x, ...) {
  cat("<fedglmm coordinator at ", x$url, if (length(x$headers())) ", with a key", ">\n", sep = "")
  invisible(x)
}

# The header that shows a key; a key that cannot be one is told without quoting it.
bearer <- function(key) {
  if (!is.character(key) || length(key) != 1L || is.na(key)) {
    fail("settings", "a key is one text.", "key", "Leave it out where the coordinator asks for none.")
  }
  key <- trimws(key)
  if (!nzchar(key)) return(character())
  if (grepl("[^!-9;-~]", key, perl = TRUE)) {
    fail("settings", "a key is printable ASCII without blanks and colons.", "key", "Give the key alone, as `keys add` told it.")
  }
  c(Authorization = paste("Bearer", key))
}

check_coordinator <- function(coordinator) {
  if (!inherits(coordinator, "fed_coordinator")) {
    fail("settings", "this is no coordinator.", "coordinator", "Make one with `fed_coordinator(url, key)`.")
  }
}

is_text <- function(value) is.character(value) && length(value) == 1L && !is.na(value) && nzchar(value)
