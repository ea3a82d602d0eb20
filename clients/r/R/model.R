# A model in R's words, as the coordinator reads it.

# A formula as text, on one line. `deparse` writes 15 digits, and 17 where a constant needs them.
formula_text <- function(formula) {
  if (is_text(formula)) return(formula)
  if (!inherits(formula, "formula")) {
    wrong_request("this is no formula.", "formula", "Write it as for lme4: `death ~ treatment + (1 | site)`.")
  }
  written <- as.call(as.list(formula))
  text <- deparsed(written, character())
  if (identical(as.call(as.list(str2lang(text))), written)) text else deparsed(written, "digits17")
}

deparsed <- function(call, control) {
  paste(trimws(deparse(call, width.cutoff = 500L, backtick = TRUE, control = control)), collapse = " ")
}

R_FAMILIES <- c("binomial", "poisson", "gaussian", "Gamma", "inverse.gaussian")

# Family and link from any of lme4's forms: a family, the function that makes it, or its name.
family_and_link <- function(family) {
  if (is_text(family) && family %in% R_FAMILIES) family <- get(family, asNamespace("stats"))
  if (is.function(family)) family <- family()
  if (is_text(family)) return(list(family = if (family == "negative.binomial") "negative_binomial" else family))
  if (!is.list(family) || !is_text(family$family) || !is_text(family$link)) {
    wrong_request("this is no family.", "family", "Write `binomial`, `binomial(link = \"probit\")` or \"negative_binomial\".")
  }
  if (grepl("^Negative Binomial", family$family)) {
    wrong_request("the size of a negative binomial is estimated and cannot be given.", "family", "Write \"negative_binomial\".")
  }
  list(family = family$family, link = family$link)
}

# The name of a variable, as a text or `~ name`.
variable_name <- function(weights) {
  if (inherits(weights, "formula") && length(weights) == 2L && is.name(weights[[2L]])) return(as.character(weights[[2L]]))
  if (!is_text(weights)) {
    wrong_request("weights are a variable of the dictionary, by name.", "weights", "Write \"n\" or `~ n`.")
  }
  weights
}
