#' The random part of a fit
#'
#' `VarCorr()` gives the estimated standard deviations and correlations; `ranef()` the effects of the sites, for
#' `(... | site)`, of those sites that released theirs. The effects of groups inside a site never leave it.
#'
#' @param object,x a fit, or what `VarCorr()` or `ranef()` gave.
#' @param sigma not used: the residual standard deviation is the fit's.
#' @param digits,row.names,optional,... as in the generic function.
#' @return
#' * `VarCorr()`: a list with a covariance matrix for each block of random effects, each with the attributes `stddev`
#'   and `correlation`, as lme4 has it; the attribute `sc` is the residual standard deviation. A second block of a group
#'   is called `group.1`. `as.data.frame()` gives the columns `grp`, `var1`, `var2`, `vcov`, `sdcor`.
#' * `ranef()`: a list with a data frame, a row for each site, whose attribute `condsd` has the conditional standard
#'   deviations. `as.data.frame()` gives the columns `grpvar`, `term`, `grp`, `condval`, `condsd`. If no site released
#'   its effects, or the model has none of sites, it fails with class `fedglmm_not_released`.
#' @name random-part
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' VarCorr(fit)
#' head(as.data.frame(ranef(fit))) # this file has them
NULL

#' @importFrom nlme ranef
#' @export
nlme::ranef

#' @importFrom nlme VarCorr
#' @export
nlme::VarCorr

#' @rdname random-part
#' @export
ranef.fedglmm <- function(object, ...) {
  rows <- rows_of(object, "ran_vals")
  if (!length(rows)) {
    fail("not_released", "the fit has no effects of sites.", "ranef",
         "Only those of `(... | site)` are ever released, under masks by sites whose site.toml says `shares_own = true`.")
  }
  terms <- texts(field(rows, "term"))
  sites <- texts(field(rows, "level"))
  table_of <- function(name) {
    values <- split(numbers(field(rows, name)), factor(terms, unique(terms)))
    data.frame(values, row.names = unique(sites), check.names = FALSE)
  }
  structure(list(site = structure(table_of("estimate"), condsd = table_of("std.error"))), class = c("ranef.fedglmm", "list"))
}

#' @rdname random-part
#' @export
as.data.frame.ranef.fedglmm <- function(x, row.names = NULL, optional = FALSE, ...) {
  effects <- x$site
  data.frame(
    grpvar = "site",
    term = factor(rep(names(effects), each = nrow(effects)), names(effects)),
    grp = factor(rep(rownames(effects), length(effects)), rownames(effects)),
    condval = unlist(effects, use.names = FALSE),
    condsd = unlist(attr(effects, "condsd"), use.names = FALSE)
  )
}

#' @rdname random-part
#' @export
VarCorr.fedglmm <- function(x, sigma = 1, ...) {
  blocks <- lapply(blocks_of(x$result$specification$random), function(block) block_matrix(block, rows_of(x, "ran_pars")))
  groups <- vapply(blocks, attr, "", "group")
  names(blocks) <- make.unique(groups)
  phi <- x$result$glance$dispersion
  structure(blocks, sc = if (identical(phi$name, "sigma")) number(phi$value), class = "VarCorr.fedglmm")
}

# Blocks of effects that covary: a term, or each column of one that is uncorrelated.
blocks_of <- function(random) {
  unlist_once(lapply(random, function(term) {
    columns <- texts(field(term$columns, "name"))
    lapply(if (term$correlated) list(columns) else as.list(columns), function(names) {
      list(group = term$group, names = names, known = !is.null(term$sd))
    })
  }))
}

block_matrix <- function(block, rows) {
  own <- Filter(function(row) row$group == block$group, rows)
  estimates <- stats::setNames(numbers(field(own, "estimate")), texts(field(own, "term")))
  names <- block$names
  sd <- stats::setNames(estimates[paste0("sd__", names)], names)
  correlation <- diag(length(names))
  dimnames(correlation) <- list(names, names)
  for (j in seq_along(names)) {
    for (i in seq_len(j - 1L)) {
      correlation[i, j] <- correlation[j, i] <- estimates[paste0("cor__", names[i], ".", names[j])]
    }
  }
  structure(correlation * outer(sd, sd), stddev = sd, correlation = correlation, group = block$group, known = block$known)
}

#' @rdname random-part
#' @export
as.data.frame.VarCorr.fedglmm <- function(x, row.names = NULL, optional = FALSE, ...) {
  parts <- lapply(names(x), function(group) {
    sd <- attr(x[[group]], "stddev")
    pairs <- which(upper.tri(x[[group]]), arr.ind = TRUE)
    data.frame(
      grp = group,
      var1 = c(names(sd), names(sd)[pairs[, 1L]]),
      var2 = c(rep(NA, length(sd)), names(sd)[pairs[, 2L]]),
      vcov = c(sd^2, x[[group]][pairs]),
      sdcor = c(sd, attr(x[[group]], "correlation")[pairs]),
      row.names = NULL
    )
  })
  sc <- attr(x, "sc")
  residual <- if (!is.null(sc)) data.frame(grp = "Residual", var1 = NA, var2 = NA, vcov = sc^2, sdcor = sc)
  do.call(rbind, c(parts, list(residual)))
}

#' @rdname random-part
#' @export
print.VarCorr.fedglmm <- function(x, digits = 4, ...) {
  table <- list(c("Groups", "Name", "Std.Dev.", "Corr"))
  for (group in names(x)) {
    sd <- attr(x[[group]], "stddev")
    for (k in seq_along(sd)) {
      corr <- fixed_digits(attr(x[[group]], "correlation")[k, seq_len(k - 1L)], 2)
      table <- c(table, list(c(if (k == 1L) group else "", names(sd)[k], digits_of(sd[[k]], digits), paste(corr, collapse = " "))))
    }
  }
  if (!is.null(attr(x, "sc"))) table <- c(table, list(c("Residual", "", digits_of(attr(x, "sc"), digits), "")))
  writeLines(aligned(do.call(rbind, table), left = 2L))
  invisible(x)
}
