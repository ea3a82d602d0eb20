#' What a fit tells, by the names of lme4 and stats
#'
#' All numbers are those of the coordinator's result, to the last bit. Standard errors come from the observed information
#' with the parameters of the random part estimated, as glmmTMB's; tests and intervals are Wald's.
#'
#' @param object,x a fit: what [fed_glmer()], [fed_result()] and [fed_read()] give.
#' @param parm names or numbers of fixed effects; all unless given.
#' @param level of the intervals; unless given, the one that was asked for in the request, usually 0.95.
#' @param full whether to give the covariance of the parameters of the random part as well.
#' @param ... not used.
#' @return
#' * `fixef()`: a named vector, `vcov()`: their covariance, `confint()`: a matrix of Wald intervals, as stats has them.
#' * `logLik()`: the log-likelihood with `df` and `nobs`, from which `AIC()` and `BIC()` follow; by REML the restricted
#'   one. `deviance()`: minus twice as much. `sigma()`: the residual standard deviation; for gamma and
#'   inverse Gaussian responses the square root of the dispersion; 1 for others.
#' * `family()`: a family with link and variance, `formula()`: the model. `nobs()`, `df.residual()`: rows of all sites, and
#'   these less the number of parameters. `ngrps()`, once lme4 is loaded: the number of groups by grouping factor.
#' * `coef()`: for a model with site effects that the sites released, fixed effects and site effects added, by site;
#'   without a random term the fixed effects.
#' @seealso [ranef.fedglmm()] and [VarCorr.fedglmm()] for the random part, [summary.fedglmm()], [tidy.fedglmm()],
#'   [plot.fedglmm()]; [fedglmm-absent] for what a fit does not tell.
#' @name fedglmm-methods
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' fixef(fit)
#' confint(fit, level = 0.9)
#' AIC(fit)
NULL

#' @importFrom nlme fixef
#' @export
nlme::fixef

#' @rdname fedglmm-methods
#' @export
fixef.fedglmm <- function(object, ...) {
  rows <- rows_of(object, "fixed")
  stats::setNames(numbers(field(rows, "estimate")), texts(field(rows, "term")))
}

#' @rdname fedglmm-methods
#' @export
vcov.fedglmm <- function(object, full = FALSE, ...) matrix_of(object$result[[if (full) "vcov_all" else "vcov"]])

#' @rdname fedglmm-methods
#' @export
confint.fedglmm <- function(object, parm, level, ...) {
  rows <- rows_of(object, "fixed")
  own <- object$result$specification$confidence_level
  if (missing(level)) level <- own
  if (isTRUE(level == own)) {
    bounds <- cbind(numbers(field(rows, "conf.low")), numbers(field(rows, "conf.high")))
  } else {
    reach <- stats::qnorm((1 + level) / 2) * numbers(field(rows, "std.error"))
    bounds <- fixef(object) + cbind(-reach, reach)
  }
  percent <- paste(format(100 * c(1 - level, 1 + level) / 2, trim = TRUE, scientific = FALSE, digits = 3), "%")
  dimnames(bounds) <- list(texts(field(rows, "term")), percent)
  if (missing(parm)) bounds else bounds[parm, , drop = FALSE]
}

#' @rdname fedglmm-methods
#' @export
logLik.fedglmm <- function(object, ...) {
  glance <- object$result$glance
  structure(number(glance$logLik), df = glance$npar, nobs = glance$nobs, class = "logLik")
}

#' @rdname fedglmm-methods
#' @export
deviance.fedglmm <- function(object, ...) number(object$result$glance$deviance)

#' @rdname fedglmm-methods
#' @export
nobs.fedglmm <- function(object, ...) object$result$glance$nobs

#' @rdname fedglmm-methods
#' @exportS3Method lme4::ngrps
ngrps.fedglmm <- function(object, ...) {
  groups <- object$result$glance$ngrps
  stats::setNames(as.integer(numbers(groups)), names(groups))
}

#' @rdname fedglmm-methods
#' @export
df.residual.fedglmm <- function(object, ...) object$result$glance$df.residual

#' @rdname fedglmm-methods
#' @export
sigma.fedglmm <- function(object, ...) {
  phi <- object$result$glance$dispersion
  if (is.null(phi) || phi$name == "size") return(1)
  if (phi$name == "sigma") number(phi$value) else 1 / sqrt(number(phi$value))
}

#' @rdname fedglmm-methods
#' @export
formula.fedglmm <- function(x, ...) stats::as.formula(x$result$formula, env = globalenv())

#' @rdname fedglmm-methods
#' @export
family.fedglmm <- function(object, ...) {
  name <- object$result$family
  if (name == "negative_binomial") return(negative_binomial(object$result$glance$dispersion$value))
  make <- switch(name, gamma = stats::Gamma, inverse_gaussian = stats::inverse.gaussian, get(name, asNamespace("stats")))
  do.call(make, list(link = object$result$link))
}

# MASS has this family too, and is no dependency.
negative_binomial <- function(size) {
  link <- stats::make.link("log")
  structure(
    c(list(family = sprintf("Negative Binomial(%.4g)", number(size)), link = "log"), unclass(link)[c("linkfun", "linkinv", "mu.eta")],
      list(variance = function(mu) mu + mu^2 / number(size))),
    class = "family"
  )
}

#' @rdname fedglmm-methods
#' @export
coef.fedglmm <- function(object, ...) {
  fixed <- fixef(object)
  if (!length(object$result$specification$random)) return(fixed)
  lapply(ranef(object), function(effects) {
    terms <- union(names(fixed), names(effects))
    added <- lapply(stats::setNames(terms, terms), function(term) {
      own <- if (term %in% names(effects)) effects[[term]] else numeric(nrow(effects))
      own + if (term %in% names(fixed)) fixed[[term]] else 0
    })
    data.frame(added, row.names = rownames(effects), check.names = FALSE)
  })
}

number <- function(value) if (is.null(value)) NA_real_ else as.double(value)
