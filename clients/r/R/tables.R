#' A fit as tables
#'
#' `tidy()` gives a row for each estimate in broom.mixed's columns, `glance()` one row about the whole fit. The generic
#' functions are those of the package generics, which broom and broom.mixed have too: they are found as soon as one of
#' these is loaded. Without any of them `as.data.frame()` gives the same table as `tidy()`.
#'
#' @param x a fit.
#' @param effects which rows: `"fixed"` effects, parameters of the random part (`"ran_pars"`), the sites' effects
#'   (`"ran_vals"`).
#' @param exponentiate whether fixed effects and their bounds are exponentiated: odds ratios after a logit. As in broom,
#'   the standard error is then multiplied with the estimate.
#' @param row.names,optional,... not used.
#' @return a data frame: `effect`, `group`, `level`, `term`, `estimate`, `std.error`, `statistic`, `p.value`, `conf.low`,
#'   `conf.high`; or `nobs`, `npar`, `sigma`, `logLik`, `AIC`, `BIC`, `deviance`, `df.residual`, `outcome`.
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' as.data.frame(fit, effects = "fixed", exponentiate = TRUE)
#' @exportS3Method generics::tidy
tidy.fedglmm <- function(x, effects = c("fixed", "ran_pars", "ran_vals"), exponentiate = FALSE, ...) {
  effects <- match.arg(effects, several.ok = TRUE)
  rows <- Filter(function(row) row$effect %in% effects, x$result$tidy)
  words <- c("effect", "group", "level", "term")
  values <- c("estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high")
  columns <- c(
    lapply(stats::setNames(words, words), function(name) texts(field(rows, name))),
    lapply(stats::setNames(values, values), function(name) numbers(field(rows, name)))
  )
  table <- data.frame(columns, stringsAsFactors = FALSE, check.names = FALSE)
  if (exponentiate) exponentiated(table) else table
}

exponentiated <- function(table) {
  fixed <- table$effect == "fixed"
  bounds <- c("estimate", "conf.low", "conf.high")
  table[fixed, bounds] <- exp(table[fixed, bounds])
  table$std.error[fixed] <- table$std.error[fixed] * table$estimate[fixed]
  table
}

#' @rdname tidy.fedglmm
#' @export
as.data.frame.fedglmm <- function(x, row.names = NULL, optional = FALSE, ...) tidy.fedglmm(x, ...)

#' @rdname tidy.fedglmm
#' @exportS3Method generics::glance
glance.fedglmm <- function(x, ...) {
  names <- c("nobs", "npar", "sigma", "logLik", "AIC", "BIC", "deviance", "df.residual")
  values <- lapply(stats::setNames(names, names), function(name) number(x$result$glance[[name]]))
  data.frame(values, outcome = x$result$convergence$outcome)
}
