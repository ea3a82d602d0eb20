# Likelihood-ratio tests between fits, where they may be compared. `fedglmm compare` tests by the same rules.

#' Compare fits by likelihood ratio
#'
#' A table in the shape of lme4's: the smaller models first, and each tested within the next one. Nothing is estimated anew: fits
#' by REML are compared as they are, and only if their fixed effects are the same.
#'
#' Two fits compare if both have estimates, of the same rows at the same sites (their numbers and fingerprints tell), with the
#' same family, link, response, offset, weights, likelihood and quadrature points, and if the smaller model is within the
#' larger. Where the larger one has a variance more, a note says that its p value is too large: zero is the boundary of a variance.
#'
#' @param object,... fits, two or more.
#' @return a data frame of class `anova` with `npar`, `AIC`, `BIC`, `logLik`, `deviance`, `Chisq`, `Df`, `Pr(>Chisq)`, a row a fit.
#' @section Conditions: of class `fedglmm_not_comparable`, which is a `fedglmm_request`, with the reason; see [fedglmm-conditions].
#' @examples
#' \dontrun{
#' without <- fed_glmer(death ~ 1 + (1 | site), binomial)
#' with <- fed_glmer(death ~ treatment + (1 | site), binomial)
#' anova(without, with)
#' }
#' @export
anova.fedglmm <- function(object, ...) {
  fits <- list(object, ...)
  names(fits) <- model_names(as.list(substitute(list(object, ...)))[-1L])
  check_fits(fits)
  fits <- fits[order(vapply(fits, npar, 0))]
  small <- fits[-length(fits)]
  large <- fits[-1L]
  Map(check_comparable, small, large, paste(names(small), "and", names(large)))
  loglik <- vapply(fits, function(fit) number(fit$result$glance$logLik), 0)
  chisq <- c(NA, pmax(0, 2 * diff(loglik)))
  df <- c(NA, diff(vapply(fits, npar, 0)))
  table <- data.frame(
    npar = vapply(fits, npar, 0), AIC = vapply(fits, stats::AIC, 0), BIC = vapply(fits, stats::BIC, 0), logLik = loglik,
    deviance = vapply(fits, deviance.fedglmm, 0), Chisq = chisq, Df = df,
    "Pr(>Chisq)" = stats::pchisq(chisq, df, lower.tail = FALSE), row.names = names(fits), check.names = FALSE
  )
  boundary <- !all(mapply(function(a, b) identical(random_of(a), random_of(b)), small, large))
  heading <- c("Models:", paste0(names(fits), ": ", vapply(fits, function(fit) fit$result$formula, "")),
               if (boundary) "Where the random part differs, a variance of zero is at its boundary: the p value is too large.")
  structure(table, heading = heading, class = c("anova", "data.frame"))
}

# As they were called, where that is a name.
model_names <- function(written) {
  named <- vapply(written, is.name, NA)
  make.unique(ifelse(named, vapply(written, function(one) deparse(one)[1L], ""), paste0("MODEL", seq_along(written))))
}

check_fits <- function(fits) {
  for (name in names(fits)) {
    if (!inherits(fits[[name]], "fedglmm")) {
      wrong_request("this is no fit.", name, "Give fits and nothing else: nothing is fitted again, and there is one test.")
    }
  }
  if (length(fits) < 2L) wrong_request("there is nothing to compare.", "anova", "Give two fits or more.")
}

# Asks of two fits, the smaller one first, that a likelihood-ratio test means something.
check_comparable <- function(small, large, where) {
  refuse <- function(what, remedy) stop(fault("not_comparable", what, where, remedy, "request"))
  ours <- small$result$specification
  theirs <- large$result$specification
  if (!has_estimates(small) || !has_estimates(large)) refuse("not both have estimates.", "`summary()` says how a fit ended.")
  if (!identical(data_of(small), data_of(large))) {
    refuse("they are not of the same data: sites, their fingerprints or their rows differ.", "Fit both at the same sites.")
  }
  differing <- Filter(function(name) !identical(ours[[name]], theirs[[name]]), MUST_AGREE)
  if (length(differing)) refuse(sprintf("they differ in %s.", toString(differing)), "Fit both in the same way.")
  fixed <- names_of(ours$fixed)
  if (ours$reml && !setequal(fixed, names_of(theirs$fixed))) {
    refuse("restricted likelihoods with different fixed effects do not compare.", "Fit both with `REML = FALSE`.")
  }
  within <- all(fixed %in% names_of(theirs$fixed)) && all(vapply(ours$random, is_within, NA, theirs$random))
  if (!within || npar(small) == npar(large)) {
    refuse("the smaller model is not within the larger one.", "Compare them by `AIC()` or `BIC()`.")
  }
}

# Of a specification: with another one a log-likelihood is another function, or of other data.
MUST_AGREE <- c("family", "link", "response", "offset", "weights", "reml", "quadrature_points", "dictionary_sha256")

data_of <- function(fit) {
  sites <- lapply(fit$result$roster, function(one) one[c("site", "fingerprint", "rows")])
  list(sites[order(texts(field(sites, "site")))], nobs.fedglmm(fit))
}

# Whether a random term is one of the others with, perhaps, effects and correlations left out.
is_within <- function(term, terms) {
  names <- names_of(term$columns)
  any(vapply(terms, function(other) {
    other$group == term$group && all(names %in% names_of(other$columns)) && identical(other$sd, term$sd) &&
      (other$correlated || !term$correlated || length(names) == 1L)
  }, NA))
}

random_of <- function(fit) fit$result$specification$random

names_of <- function(columns) texts(field(columns, "name"))

npar <- function(fit) as.double(fit$result$glance$npar)
