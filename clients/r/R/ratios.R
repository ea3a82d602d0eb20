# What an exponentiated coefficient is called: the coordinator's pages and the Python package have the same words.

RATIOS <- c(
  "binomial logit" = "Odds ratio",
  "binomial log" = "Risk ratio",
  "binomial cloglog" = "Ratio of -log(1 - p)", # a hazard ratio only where the response is a survival time
  "poisson log" = "Rate ratio",
  "negative_binomial log" = "Rate ratio",
  "gamma log" = "Ratio of means",
  "inverse_gaussian log" = "Ratio of means"
)

# NA where exp(coefficient) is no ratio: probit, identity, inverse.
ratio_name <- function(family, link) unname(RATIOS[paste(family, link)])

# How estimates are called on an axis. The exponential of an intercept is no ratio.
scale_name <- function(fit, exponentiate) {
  if (!exponentiate) return("estimate")
  name <- ratio_name(fit$result$family, fit$result$link)
  if (is.na(name) || all(names(fixef(fit)) == "(Intercept)")) "exp(estimate)" else name
}
