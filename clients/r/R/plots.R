#' A fit in pictures
#'
#' * `"forest"`: fixed effects with their intervals; `exponentiate = TRUE` draws ratios on a log axis.
#' * `"caterpillar"`: the sites' effects with intervals, in ascending order; a panel for each effect.
#' * `"convergence"`: log-likelihood and Newton decrement by round.
#' * `"correlation"`: the correlations of the fixed effects, as a heat map.
#'
#' @param x a fit.
#' @param type which picture.
#' @param exponentiate whether a forest plot shows ratios.
#' @param intercept whether a forest plot shows the intercept.
#' @param ... further arguments of [graphics::plot()], or of [graphics::image()] for the heat map.
#' @return the numbers that are drawn, invisibly: a data frame, or the matrix of correlations.
#' @examples
#' fit <- fed_read(system.file("extdata", "beta-blockers.json", package = "fedglmm"))
#' plot(fit, exponentiate = TRUE)
#' plot(fit, type = "caterpillar")
#' plot(fit, type = "convergence")
#' @export
plot.fedglmm <- function(x, type = c("forest", "caterpillar", "convergence", "correlation"), exponentiate = FALSE,
                         intercept = FALSE, ...) {
  if (match.arg(type) != "convergence" && !has_estimates(x)) {
    fail("no_estimates", sprintf("the fit ended without estimates: it is %s.", x$result$convergence$outcome), "plot",
         "`type = \"convergence\"` shows its rounds.")
  }
  drawn <- switch(match.arg(type),
    forest = forest(x, exponentiate, intercept, ...),
    caterpillar = caterpillar(x, ...),
    convergence = convergence(x, ...),
    correlation = heat_map(stats::cov2cor(vcov.fedglmm(x)), ...)
  )
  invisible(drawn)
}

forest <- function(fit, exponentiate, intercept, ...) {
  table <- tidy.fedglmm(fit, "fixed", exponentiate)[c("term", "estimate", "conf.low", "conf.high")]
  if (!intercept && nrow(table) > 1L) table <- table[table$term != "(Intercept)", ]
  whiskers(table$term, table[-1L], scale_name(fit, exponentiate), at = if (exponentiate) 1 else 0, log = if (exponentiate) "x" else "", ...)
  table
}

caterpillar <- function(fit, ...) {
  table <- tidy.fedglmm(fit, "ran_vals")[c("level", "term", "estimate", "conf.low", "conf.high")]
  if (!nrow(table)) ranef(fit) # says why there are none
  panels <- split(table, factor(table$term, unique(table$term)))
  before <- graphics::par(mfrow = c(1L, length(panels)))
  on.exit(graphics::par(before))
  drawn <- lapply(panels, function(panel) {
    panel <- panel[order(panel$estimate), ]
    whiskers(panel$level, panel[-(1:2)], panel$term[1L], at = 0, log = "", upwards = TRUE, ...)
    panel
  })
  do.call(rbind, c(drawn, list(make.row.names = FALSE)))
}

# A point and an interval a line, the first at the top unless they go upwards.
whiskers <- function(labels, table, xlab, at, log, upwards = FALSE, ...) {
  y <- if (upwards) seq_along(labels) else rev(seq_along(labels))
  before <- graphics::par(mar = c(4.1, 2 + max(graphics::strwidth(labels, "inches", cex = 0.8)) / 0.18, 1.1, 1.1))
  on.exit(graphics::par(before))
  drawn <- unlist(table)
  graphics::plot(table$estimate, y, xlim = range(c(drawn[is.finite(drawn)], at)), ylim = range(y) + c(-0.5, 0.5), log = log,
                 xlab = xlab, ylab = "", yaxt = "n", pch = 19, ...)
  graphics::axis(2L, y, labels, las = 1L, cex.axis = 0.8, tick = FALSE)
  graphics::abline(v = at, lty = 2L, col = "grey50")
  graphics::segments(table$conf.low, y, table$conf.high, y)
}

convergence <- function(fit, ...) {
  trace <- fit$result$convergence$trace
  names <- c("round", "logLik", "decrement")
  table <- data.frame(lapply(stats::setNames(names, names), function(name) numbers(field(trace, name))))
  before <- graphics::par(mfrow = c(1L, 2L))
  on.exit(graphics::par(before))
  by_round(table$round, table$logLik, "log-likelihood", "", ...)
  above <- table[which(table$decrement > 0), ]
  if (nrow(above)) by_round(above$round, above$decrement, "Newton decrement", "y", ...)
  table
}

by_round <- function(round, value, ylab, log, ...) {
  graphics::plot(round, value, type = "b", xlab = "round", ylab = ylab, log = log, xaxt = "n", ...)
  graphics::axis(1L, round)
}

heat_map <- function(correlation, ...) {
  k <- seq_len(nrow(correlation))
  labels <- rownames(correlation)
  margin <- 2 + max(graphics::strwidth(labels, "inches", cex = 0.8)) / 0.18
  before <- graphics::par(mar = c(margin, margin, 1.1, 1.1))
  on.exit(graphics::par(before))
  colours <- grDevices::hcl.colors(41L, "Blue-Red 3")
  graphics::image(k, k, t(correlation)[, rev(k), drop = FALSE], zlim = c(-1, 1), col = colours, axes = FALSE, xlab = "", ylab = "", ...)
  graphics::axis(1L, k, labels, las = 2L, cex.axis = 0.8, tick = FALSE)
  graphics::axis(2L, rev(k), labels, las = 1L, cex.axis = 0.8, tick = FALSE)
  graphics::text(col(correlation), nrow(correlation) + 1L - row(correlation), fixed_digits(correlation, 2), cex = 0.8,
                 col = ifelse(abs(correlation) > 0.7, "white", "black"))
  correlation
}
