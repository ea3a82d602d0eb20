#' @keywords internal
#' @aliases fedglmm
#' @importFrom stats anova coef confint deviance df.residual family formula logLik nobs sigma vcov
"_PACKAGE"
