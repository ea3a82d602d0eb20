WITH_ESTIMATES <- c("converged", "boundary")
WRITTEN_BY <- "Give the name of a file that `fed_write()` or `fedglmm export` wrote."

#' Keep a fit as the coordinator gave it
#'
#' `fed_write()` writes a fit's canonical result, the JSON text that the coordinator gave, byte for byte; `fed_read()` makes
#' a fit of such a file, also of one that `fedglmm export` or curl wrote. `saveRDS()` keeps a fit as well: it holds values
#' only, no connection and no key.
#'
#' @param fit a fit.
#' @param file where it is written, or read from.
#' @param overwrite whether a file that is there may be replaced.
#' @return `fed_read()` gives a fit (see [fedglmm-methods]), `fed_write()` the file's name, invisibly.
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' file <- fed_write(fit, tempfile(fileext = ".json"))
#' identical(fixef(fed_read(file)), fixef(fit))
#' @export
fed_read <- function(file) {
  if (!is_text(file)) fail("settings", "this is no name of a file.", "file", WRITTEN_BY)
  if (!file.exists(file)) fail("settings", "there is no such file.", file, WRITTEN_BY)
  bytes <- readBin(file, "raw", file.size(file))
  warned(tryCatch(fit_of(as_text(bytes)), error = function(error) {
    fail("settings", "the file holds no result.", file, WRITTEN_BY)
  }))
}

#' @rdname fed_read
#' @export
fed_write <- function(fit, file, overwrite = FALSE) {
  if (!inherits(fit, "fedglmm")) fail("settings", "this is no fit.", "fit", "Give one that `fed_glmer()`, `fed_result()` or `fed_read()` gave.")
  if (!is_text(file)) fail("settings", "this is no name of a file.", "file", "Write one text, such as \"fit.json\".")
  if (file.exists(file) && !overwrite) fail("settings", "the file is there already.", file, "`overwrite = TRUE` replaces it.")
  writeBin(charToRaw(enc2utf8(fit$text)), file)
  invisible(file)
}

# A fit: the result as it came, and its values. All that a fit tells is in them.
fit_of <- function(text, id = NA_character_) {
  result <- parsed(text)
  stopifnot(all(c("formula", "tidy", "glance", "vcov", "convergence", "specification") %in% names(result)))
  structure(list(result = result, text = text, id = id), class = "fedglmm")
}

has_estimates <- function(fit) fit$result$convergence$outcome %in% WITH_ESTIMATES

warned <- function(fit) {
  if (!has_estimates(fit)) {
    ended <- fit$result$convergence
    warning(structure(
      list(message = paste0("no estimates: ", ended$outcome, ". ", ended$advice), call = NULL, outcome = ended$outcome),
      class = c("fedglmm_no_estimates", "warning", "condition")
    ))
  }
  fit
}

rows_of <- function(fit, effect) Filter(function(row) row$effect == effect, fit$result$tidy)
