# The design matrices of terms whose constants are agreed, as R makes them: names and values.
#
#   Rscript tests/reference/scripts/terms.R tests/reference/design_terms
#
# needs base R and its package splines (r-base-core; made with R 4.2.2). Writes rows.csv, dictionary.json and terms.json.
#
# R takes boundary knots, knots, means and standard deviations from the rows. So that the formulas' text, and with it
# the columns' names, is the same here and there, bs(), ns() and scale() below give R's own functions the agreed
# constants and change nothing else.

folder <- commandArgs(trailingOnly = TRUE)[1]
set.seed(20260101)
n <- 40
rows <- data.frame(
  x = c(0, 100, 25, 50, 75, round(runif(n - 5, 0, 100), 2)),
  z = round(rnorm(n, 10, 4), 3),
  age = as.numeric(sample(18:95, n, replace = TRUE)),
  f = factor(rep(c("b", "a", "c"), length.out = n), levels = c("a", "b", "c")),
  g = factor(sample(c("u", "v"), n, replace = TRUE), levels = c("u", "v")),
  s = factor(sample(c("lo", "mid", "hi"), n, replace = TRUE), levels = c("lo", "mid", "hi"))
)
contrasts(rows$s) <- contr.sum(3)  # the dictionary's coding "sum"

agreed <- list(
  x = list(range = c(0, 100), mean = 40, sd = 25),
  z = list(),
  age = list(range = c(18, 95), knots = c(40, 55, 70), mean = 55, sd = 15)
)
of <- function(name) if (name %in% names(agreed)) agreed[[name]] else list()
inner <- function(df, knots, own, fewest, boundary) {
  if (!is.null(knots)) return(knots)
  if (is.null(df)) return(own$knots)
  k <- df - fewest
  if (k == 0) return(NULL)
  if (k == length(own$knots)) return(own$knots)
  boundary[1] + diff(boundary) * seq_len(k) / (k + 1)
}
bs <- function(x, df = NULL, knots = NULL, degree = 3, intercept = FALSE, Boundary.knots = NULL) {
  own <- of(deparse(substitute(x)))
  boundary <- if (is.null(Boundary.knots)) own$range else Boundary.knots
  knots <- inner(df, knots, own, degree + intercept, boundary)
  splines::bs(x, knots = knots, degree = degree, intercept = intercept, Boundary.knots = boundary)
}
ns <- function(x, df = NULL, knots = NULL, intercept = FALSE, Boundary.knots = NULL) {
  own <- of(deparse(substitute(x)))
  boundary <- if (is.null(Boundary.knots)) own$range else Boundary.knots
  knots <- inner(df, knots, own, 1 + intercept, boundary)
  splines::ns(x, knots = knots, intercept = intercept, Boundary.knots = boundary)
}
scale <- function(x, center = TRUE, scale = TRUE) {
  own <- of(deparse(substitute(x)))
  base::scale(x, if (isTRUE(center)) own$mean else center, if (isTRUE(scale)) own$sd else scale)
}

formulas <- c(
  "poly(x, 2, raw = TRUE)",
  "poly(x, degree = 1, raw = TRUE) + poly(log(age), 3, raw = TRUE)",
  "0 + poly(z, 2, raw = TRUE):f",
  "f * poly(x, 2, raw = TRUE)",
  "bs(x)",
  "bs(x, df = 6)",
  "bs(x, knots = c(20, 50.5, 80), degree = 2)",
  "0 + bs(x, df = 7, intercept = TRUE)",
  "bs(z, knots = 8, Boundary.knots = c(-10, 30)) * f",
  "bs(age)",
  "bs(age, df = 4, degree = 1)",
  "bs(x, df = 10, degree = 5)",
  "bs(log(age), knots = c(3.5, 4), Boundary.knots = c(2, 5))",
  "ns(x, df = 1)",
  "ns(x, df = 4)",
  "ns(x)",
  "ns(x, knots = c(40, 60), Boundary.knots = c(20, 80))",
  "0 + ns(z, 5, intercept = TRUE, Boundary.knots = c(-1, 12))",
  "ns(age)",
  "ns(age, df = 4) + ns(age, df = 3, intercept = FALSE):g",
  "C(f, sum) * ns(x, df = 3)",
  "ns(scale(x, 50, 10), knots = c(-1, 0.5), Boundary.knots = c(-4, 4))",
  "scale(x) + scale(age)",
  "scale(z, center = 10, scale = 2.5) * g",
  "scale(x, scale = FALSE) + scale(z, FALSE, 3) + scale(age, center = 50, scale = FALSE)",
  "I(scale(x)^2) + exp(-scale(age)) + poly(scale(x), 2, raw = TRUE)",
  "C(f, sum)",
  "0 + C(f, contr.sum)",
  "C(f, contr.sum) * C(g, treatment)",
  "C(f, sum):g",
  "g + C(f, sum):x",
  "s",
  "0 + s",
  "s * f",
  "s:x",
  "f + s + C(s, contr.treatment):g",
  "(age > 50) * C(f, sum)",
  "s / (scale(x) + g)",
  "(f + s + ns(x, df = 2))^2 - f:s",
  "log(age) + sqrt(x):s + I(exp(x / 100)) + abs(z - 10):C(g, sum)"
)

write.csv(rows, file.path(folder, "rows.csv"), row.names = FALSE, quote = FALSE)
exact <- function(v) paste0("[", paste(sprintf("%.17g", v), collapse = ", "), "]")
quoted <- function(v) paste0('"', gsub('"', '\\\\"', v), '"')

number <- function(name) {
  fields <- vapply(names(agreed[[name]]), function(field) {
    value <- agreed[[name]][[field]]
    paste0(", ", quoted(field), ": ", if (field %in% c("mean", "sd")) value else exact(value))
  }, "")
  paste0('  {"name": ', quoted(name), ', "type": "number"', paste(fields, collapse = ""), "}")
}
factor_of <- function(name, coding) {
  levels <- paste(quoted(levels(rows[[name]])), collapse = ", ")
  paste0('  {"name": ', quoted(name), ', "type": "factor", "levels": [', levels, '], "coding": ', quoted(coding), "}")
}
variables <- c(vapply(names(agreed), number, ""), factor_of("f", "treatment"), factor_of("g", "treatment"), factor_of("s", "sum"))
writeLines(c('{"variables": [', paste(variables, collapse = ",\n"), "]}"), file.path(folder, "dictionary.json"))

case <- function(right) {
  X <- model.matrix(as.formula(paste("~", right), env = environment(scale)), rows)
  columns <- vapply(seq_len(ncol(X)), function(k) paste0("   ", quoted(colnames(X)[k]), ": ", exact(X[, k])), "")
  paste0("  ", quoted(right), ": {\n", paste(columns, collapse = ",\n"), "}")
}
writeLines(c("{", paste(vapply(formulas, case, ""), collapse = ",\n"), "}"), file.path(folder, "terms.json"))
