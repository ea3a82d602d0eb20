#' @keywords internal
#' @aliases fedglmm
#' @importFrom stats coef confint deviance df.residual family formula logLik nobs sigma vcov
"_PACKAGE"
