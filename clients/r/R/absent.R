#' What a fit does not tell
#'
#' The rows never leave the sites, and a model is asked for by its formula alone. So lme4's functions that work on rows, and those
#' that fit again, have nothing to work on: they end with a condition that says what to use instead.
#'
#' @param object,formula a fit.
#' @param scope,... not used.
#' @return none: `residuals()`, `fitted()`, `predict()`, `simulate()`, `model.frame()` and `model.matrix()` fail with class
#'   `fedglmm_needs_rows`; `update()`, `drop1()` and `add1()` with class `fedglmm_not_fitted_again`. Both are a
#'   `fedglmm_request`.
#' @name fedglmm-absent
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' tryCatch(residuals(fit), fedglmm_needs_rows = conditionMessage)
NULL

rows_stay <- function(where, remedy) fail("needs_rows", "the rows never leave the sites.", where, remedy, "request")

not_again <- function(where, remedy) {
  fail("not_fitted_again", "a fit is a result and is not fitted again.", where, remedy, "request")
}

#' @rdname fedglmm-absent
#' @importFrom stats residuals
#' @export
residuals.fedglmm <- function(object, ...) {
  rows_stay("residuals", "`deviance()`, `AIC()` and `sigma()` tell of the whole fit; a site can look at its own rows.")
}

#' @rdname fedglmm-absent
#' @importFrom stats fitted
#' @export
fitted.fedglmm <- function(object, ...) {
  rows_stay("fitted", "`fixef()` and `family(fit)$linkinv` give the mean of a row that you write down.")
}

#' @rdname fedglmm-absent
#' @importFrom stats predict
#' @export
predict.fedglmm <- function(object, ...) {
  rows_stay("predict", "`fixef()` and `family(fit)$linkinv` give the mean of a row that you write down.")
}

#' @rdname fedglmm-absent
#' @importFrom stats simulate
#' @export
simulate.fedglmm <- function(object, ...) {
  rows_stay("simulate", "`fixef()`, `VarCorr()` and `family()` have the parameters to simulate rows of your own with.")
}

#' @rdname fedglmm-absent
#' @importFrom stats model.frame
#' @export
model.frame.fedglmm <- function(formula, ...) {
  rows_stay("model.frame", "`formula()` has the model, `nobs()` the number of rows, `fed_dictionary()` the variables.")
}

#' @rdname fedglmm-absent
#' @importFrom stats model.matrix
#' @export
model.matrix.fedglmm <- function(object, ...) rows_stay("model.matrix", "`names(fixef())` are its columns.")

#' @rdname fedglmm-absent
#' @importFrom stats update
#' @export
update.fedglmm <- function(object, ...) {
  not_again("update", "Ask for the other model: `fed_glmer(update(formula(fit), . ~ . - x), family, coordinator)`.")
}

#' @rdname fedglmm-absent
#' @importFrom stats drop1
#' @export
drop1.fedglmm <- function(object, scope, ...) not_again("drop1", "Ask for the smaller model by `fed_glmer()`, and compare by `anova()`.")

#' @rdname fedglmm-absent
#' @importFrom stats add1
#' @export
add1.fedglmm <- function(object, scope, ...) not_again("add1", "Ask for the larger model by `fed_glmer()`, and compare by `anova()`.")
