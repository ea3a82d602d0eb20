OPTIONS <- c("random_effect_sd", "tolerance", "max_rounds", "confidence_level", "title")

#' Fit a mixed model that hospitals estimate together
#'
#' `fed_glmer()` submits a model, waits for it and gives the fit. `fed_lmer()` is the same for a Gaussian response, by REML
#' unless told otherwise, as in lme4. The rows stay at the sites: there is no `data`, and names are those of the
#' consortium's dictionary ([fed_dictionary()]).
#'
#' Interrupting it (Ctrl-C) ends the waiting and not the analysis; the message says how to go on with it.
#'
#' @param formula the model as lme4 writes it, with offsets as `offset(log(time))`; a formula, or its text. It is sent as
#'   text, so a variable of your session is not replaced by its value.
#' @param family as lme4 takes it: `binomial`, `binomial(link = "probit")`, `"poisson"`, `Gamma(link = "log")`; also
#'   `"negative_binomial"` (or `"negative.binomial"`, `"nbinom2"`), whose size is estimated. A family of R goes with the
#'   link that it has in R: `Gamma` with the inverse. `"gamma"` and `"inverse_gaussian"` go with the log.
#' @param coordinator from [fed_coordinator()]; unless given, what the environment variables name.
#' @param weights the name of a variable, as text or as `~ name`: prior weights, or the sizes of a proportion.
#' @param nAGQ points of adaptive Gauss-Hermite quadrature: 1 is the Laplace approximation, `"auto"` as many as are
#'   enough.
#' @param REML whether to maximise the restricted likelihood; for Gaussian models.
#' @param sites names of the sites that take part; all of them unless given.
#' @param progress whether to show the rounds, as messages.
#' @param ... other fields of a request: `random_effect_sd`, `tolerance`, `max_rounds`, `confidence_level`, `title`.
#' @return an object of class `fedglmm`: see [fedglmm-methods].
#' @section Conditions: see [fedglmm-conditions].
#' @examples
#' \dontrun{
#' coordinator <- fed_coordinator("http://127.0.0.1:8000")
#' fit <- fed_glmer(death ~ treatment + (1 | site), binomial, coordinator)
#' summary(fit)
#' }
#' @export
fed_glmer <- function(formula, family = "binomial", coordinator = fed_coordinator(), weights = NULL, nAGQ = 1, REML = FALSE,
                      sites = NULL, progress = interactive(), ...) {
  check_coordinator(coordinator)
  fields <- list(
    formula = formula_text(formula), weights = if (!is.null(weights)) variable_name(weights),
    quadrature_points = nAGQ, reml = REML, sites = if (!is.null(sites)) site_names(sites)
  )
  fields <- c(fields, family_and_link(family), checked_options(list(...)))
  body <- json_of(checked_scalars(Filter(Negate(is.null), fields)))
  submitted <- tryCatch(asked(coordinator, "POST", "/analyses", body = body),
                        fedglmm_request = function(problem) stop(of_argument(problem)))
  fed_watch(coordinator, submitted$id, progress)
}

# Arguments that a request calls otherwise.
ARGUMENTS <- c(quadrature_points = "nAGQ", reml = "REML", link = "family")

# A fault in a field of the request, as one in the argument that it was made of.
of_argument <- function(problem) {
  field <- sub("^body\\.", "", problem$where)
  name <- if (field %in% names(ARGUMENTS)) ARGUMENTS[[field]] else field
  if (identical(name, problem$where)) return(problem)
  remedy <- sub("/docs describes every field.", "`?fed_glmer` describes every argument.", problem$remedy, fixed = TRUE)
  fault(problem$code, problem$what, name, remedy, "request")
}

#' @rdname fed_glmer
#' @export
fed_lmer <- function(formula, coordinator = fed_coordinator(), REML = TRUE, ...) {
  fed_glmer(formula, "gaussian", coordinator, REML = REML, ...)
}

# Rows must not leave by mistake either: what is no field of a request is not sent.
checked_options <- function(options) {
  unknown <- setdiff(if (is.null(names(options))) rep("", length(options)) else names(options), OPTIONS)
  if (length(unknown)) {
    remedy <- switch(unknown[1L],
      data = "Leave it out: the rows are at the sites.",
      offset = "Write it into the formula: `+ offset(log(time))`.",
      control = , start = , subset = , na.action = , contrasts = "Leave it out: the coordinator has no such setting.",
      paste0("Settings beside those of the help page are ", paste(OPTIONS, collapse = ", "), ".")
    )
    wrong_request("there is no such argument.", if (nzchar(unknown[1L])) unknown[1L] else "...", remedy)
  }
  options
}

site_names <- function(sites) {
  if (!is.character(sites)) wrong_request("sites are given by name.", "sites", "`fed_sites()` has the names.")
  as.list(sites)
}

checked_scalars <- function(fields) {
  for (name in setdiff(names(fields), "sites")) {
    value <- fields[[name]]
    if (!is.atomic(value) || length(value) != 1L || is.na(value) || (is.numeric(value) && !is.finite(value))) {
      wrong_request("this is no single value.", name, "Give one number or one text.")
    }
  }
  fields
}
