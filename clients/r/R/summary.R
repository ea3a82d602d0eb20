# A result in the shape of lme4's summary(). Rounding is for people's eyes and happens only here.

WIDEST_CORRELATIONS <- 12L # fixed effects up to which their correlations are printed, as lme4 has it

#' A fit's summary, as lme4 prints it
#'
#' Beside each standard deviation of the random part stands its standard error, which lme4 has not. Warnings come first. A fit that ended without estimates shows none.
#'
#' @param object,x a fit, or its summary.
#' @param digits significant digits of the estimates, as lme4 has it.
#' @param ... not used.
#' @return `summary()` gives an object whose `coefficients` are a matrix with estimate, standard error, z and p value, also
#'   by `coef()`.
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' summary(fit)
#' coef(summary(fit))
#' @export
summary.fedglmm <- function(object, ...) {
  structure(list(fit = object, coefficients = coefficient_matrix(object)), class = "summary.fedglmm")
}

coefficient_matrix <- function(fit) {
  rows <- rows_of(fit, "fixed")
  columns <- c("Estimate" = "estimate", "Std. Error" = "std.error", "z value" = "statistic", "Pr(>|z|)" = "p.value")
  values <- vapply(columns, function(name) numbers(field(rows, name)), numeric(length(rows)))
  matrix(values, length(rows), dimnames = list(texts(field(rows, "term")), names(columns)))
}

#' @rdname summary.fedglmm
#' @export
print.summary.fedglmm <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  fit <- x$fit
  result <- fit$result
  parts <- c(warnings_first(result), header(result))
  if (has_estimates(fit)) {
    correlations <- if (length(result$vcov$names) %in% 2:WIDEST_CORRELATIONS) correlation_part(fit)
    parts <- c(parts, fit_line(result), random_part(fit), dispersion_line(fit), fixed_part(x, digits), correlations)
  }
  writeLines(paste(c(parts, ending_line(result)), collapse = "\n\n"))
  invisible(x)
}

#' @rdname summary.fedglmm
#' @export
print.fedglmm <- function(x, digits = max(3, getOption("digits") - 3), ...) {
  parts <- c(warnings_first(x$result), header(x$result))
  if (has_estimates(x)) {
    fixed <- utils::capture.output(print(format(fixef(x), digits = digits), quote = FALSE, print.gap = 2L))
    parts <- c(parts, fit_line(x$result), random_part(x), lines(c("Fixed Effects:", fixed)))
  }
  writeLines(paste(c(parts, ending_line(x$result)), collapse = "\n\n"))
  invisible(x)
}

warnings_first <- function(result) {
  told <- Filter(function(one) one$code != result$convergence$outcome, result$warnings)
  if (length(told)) lines(paste("Warning:", texts(field(told, "message"))))
}

header <- function(result) {
  gaussian <- result$family == "gaussian"
  random <- length(result$glance$ngrps) > 0L
  points <- result$convergence$quadrature$points
  how <- if (!random || gaussian) "" else if (points == 1) " (Laplace Approximation)"
         else sprintf(" (Adaptive Gauss-Hermite Quadrature, %d points)", as.integer(points))
  specification <- result$specification
  response <- specification$response
  lines(c(
    sprintf("%s %s fit by %s%s, federated over %s", if (gaussian) "Linear" else "Generalized linear",
            if (random) "mixed model" else "model", if (specification$reml) "REML" else "maximum likelihood", how,
            counted(length(result$roster), "site")),
    sprintf(" Family: %s  ( %s )", result$family, result$link),
    sprintf("Formula: %s", result$formula),
    if (response$kind == "event") sprintf("  Event: %s is %s", response$variable, response$event),
    if (!is.null(specification$weights)) sprintf("Weights: %s", specification$weights)
  ))
}

fit_line <- function(result) {
  values <- vapply(result$glance[c("AIC", "BIC", "logLik", "deviance")], function(value) fixed_digits(number(value), 1), "")
  names <- c("AIC", "BIC", if (result$specification$reml) c("REML logLik", "REML deviance") else c("logLik", "deviance"))
  table <- rbind(c(names, "df.resid"), c(values, result$glance$df.residual))
  lines(paste0(" ", aligned(table, left = 0L)))
}

random_part <- function(fit) {
  observed <- sprintf("Number of obs: %d", as.integer(nobs.fedglmm(fit)))
  blocks <- VarCorr(fit)
  sc <- attr(blocks, "sc")
  if (!length(blocks) && is.null(sc)) return(observed)
  correlated <- any(lengths(lapply(blocks, attr, "stddev")) > 1L)
  residual <- if (!is.null(sc)) {
    list(c("Residual", "", digits_of(sc^2), digits_of(sc), digits_of(error_of(fit, "Residual", "sd__Observation")), ""))
  }
  table <- c(unlist_once(lapply(names(blocks), function(name) block_rows(fit, blocks[[name]], name))), residual)
  table <- rbind(c("Groups", "Name", "Variance", "Std.Dev.", "SE of sd", "Corr"), do.call(rbind, table))
  groups <- fit$result$glance$ngrps
  told <- if (length(groups)) paste0(", groups:  ", paste(names(groups), unlist(groups), sep = ", ", collapse = "; ")) else ""
  lines(c("Random effects:", aligned(if (correlated) table else table[, -6L], left = 2L), paste0(observed, told)))
}

block_rows <- function(fit, block, name) {
  sd <- attr(block, "stddev")
  lapply(seq_along(sd), function(k) {
    corr <- fixed_digits(attr(block, "correlation")[k, seq_len(k - 1L)], 2)
    error <- if (attr(block, "known")) "(known)" else digits_of(error_of(fit, attr(block, "group"), paste0("sd__", names(sd)[k])))
    c(if (k == 1L) name else "", names(sd)[k], digits_of(sd[[k]]^2), digits_of(sd[[k]]), error, paste(corr, collapse = " "))
  })
}

# The standard error of a parameter of the random part; NA where the result has none.
error_of <- function(fit, group, term) {
  row <- Filter(function(row) identical(row$group, group) && row$term == term, rows_of(fit, "ran_pars"))
  if (length(row)) number(row[[1L]]$std.error) else NA_real_
}

dispersion_line <- function(fit) {
  result <- fit$result
  phi <- result$glance$dispersion
  if (is.null(phi) || phi$name == "sigma") return(NULL)
  own <- Filter(function(row) startsWith(row$term, paste0(phi$name, "__")), rows_of(fit, "ran_pars"))
  error <- if (length(own) && !is.null(own[[1L]]$std.error)) sprintf(" (SE %s)", digits_of(own[[1L]]$std.error)) else ""
  sprintf("%s%s of the %s family: %s%s", toupper(substr(phi$name, 1L, 1L)), substring(phi$name, 2L), result$family,
          digits_of(number(phi$value)), error)
}

fixed_part <- function(x, digits) {
  printed <- utils::capture.output(stats::printCoefmat(x$coefficients, digits = digits))
  lines(c("Fixed effects:", printed))
}

# Numbered, because abbreviated names of factor levels look alike.
correlation_part <- function(fit) {
  correlation <- stats::cov2cor(vcov.fedglmm(fit))
  last <- nrow(correlation)
  shown <- matrix(fixed_digits(correlation, 3), last)
  shown[upper.tri(shown, diag = TRUE)] <- ""
  table <- cbind(sprintf("[%d] %s", seq_len(last), rownames(correlation)), shown[, -last, drop = FALSE])
  table <- rbind(c("", sprintf("[%d]", seq_len(last - 1L))), table[-1L, , drop = FALSE])
  lines(c(sprintf("Correlation of Fixed Effects ([1] is %s):", rownames(correlation)[1L]), aligned(table, left = 1L)))
}

ending_line <- function(result) {
  ended <- result$convergence
  reached <- if (is.null(ended$decrement)) "" else sprintf(", Newton decrement %.1e", ended$decrement)
  more <- if (ended$rounds > 1) sprintf(" and %d more", as.integer(ended$rounds) - 1L) else ""
  trimws(sprintf("%s after %s (the start%s)%s.%s %s", ended$outcome, counted(ended$rounds, "round"), more, reached,
                 began_at_default(result), ended$advice))
}

# Why there may be more rounds than usual, where a result has it and it is more than a few sites.
began_at_default <- function(result) {
  at_default <- result$convergence$default_starts
  if (is.null(at_default)) return("")
  sprintf(" %d of %s began at the default start, from which a fit may take more rounds.", as.integer(at_default),
          counted(length(result$roster), "site"))
}
